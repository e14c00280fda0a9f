"""What a training shows while it works."""

from rich.console import Console
from rich.markup import escape
from rich.progress import TaskID

from xaibench.cli.display.bars import ProgressBars
from xaibench.engine.work.observer import Observer
from xaibench.train.recipe import Epoch, TrainingObserver


class TrainingProgress(ProgressBars, TrainingObserver):
    """A line an epoch, and a bar of its images; lines alone where no terminal is."""

    def __init__(self, console: Console, quiet: bool = False) -> None:
        super().__init__(console, quiet, keep=False)
        self.task: TaskID | None = None
        self.name, self.epochs = "", 0

    def loading(self, done: int, images: int) -> None:
        """A bar for the decoding."""
        if self.task is None or self.name != "decoding":
            self.name, self.task = "decoding", self.bars.add_task("decoding", total=images)
        self.bars.update(self.task, completed=done)

    def began(self, name: str, epochs: int, images: int, finished: int) -> None:
        """A bar for an epoch's images."""
        self.name, self.epochs = name, epochs
        if self.task is not None:
            self.bars.remove_task(self.task)
        self.task = self.bars.add_task(escape(name), total=images)
        if finished:
            self.line(f"{name}: {finished} epochs are there already")

    def trained(self, images: int) -> None:
        """Move the bar on."""
        if self.task is not None:
            self.bars.advance(self.task, images)

    def epoch(self, epoch: Epoch) -> None:
        """One line, and the bar from its start."""
        if self.task is not None:
            self.bars.reset(self.task)
        self.line(
            f"{self.name}: epoch {epoch.number}/{self.epochs}, loss {epoch.loss:.3f}, "
            f"accuracy {epoch.accuracy:.3f}, held out {epoch.held_out_accuracy:.3f}, "
            f"{epoch.seconds:.0f} s"
        )


class ExplainingProgress(Observer):
    """A bar, among those of the trainings, for each block of the run that explains; or a line."""

    def __init__(self, trainings: TrainingProgress) -> None:
        self.trainings = trainings
        self.task: TaskID | None = None

    def block(self, name: str, images: int) -> None:
        """A bar for the block, once its length is known."""
        if images:
            self.task = self.trainings.bars.add_task(escape(name), total=images)
            if not self.trainings.console.is_terminal:
                self.trainings.line(f"{name}: {images} images")

    def done(self, images: int, resumed: bool) -> None:
        """Move the bar on."""
        if self.task is not None:
            self.trainings.bars.advance(self.task, images)

    def note(self, text: str) -> None:
        """A line above the bars."""
        self.trainings.note(text)
