"""What runs on a device: one worker at a time, which keeps its model."""

from typing import Any

import ray

from xaibench.api.executing import MakeWork, Work


@ray.remote(max_restarts=0, max_task_retries=0)  # a lost one is replaced by `Crew`, which knows its task
class Actor:
    """Has a worker, until another is wanted."""

    def __init__(self) -> None:
        self.make: MakeWork | None = None
        self.worker: Work | None = None

    def ready(self) -> bool:
        """It is there."""
        return True

    def work(self, make: MakeWork, task: Any, following: Any) -> Any:
        """What comes of a task."""
        if self.worker is None or make != self.make:
            if self.worker is not None:
                self.worker.close()
            self.make, self.worker = None, None  # before the next is made: memory holds one model
            self.make, self.worker = make, make()
        return self.worker(task, following)
