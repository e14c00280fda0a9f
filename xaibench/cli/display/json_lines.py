"""What a run tells another program: one JSON object a line."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from math import isfinite
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any

from xaibench.api.errors import Stopped, XaibenchError
from xaibench.cli.display.pace import INTERRUPTED, Pace

if TYPE_CHECKING:
    from xaibench.engine.run.forecast import Forecast
    from xaibench.results.board import Line
    from xaibench.results.results import Results

EVERY = 1.0  # seconds between two lines of progress within a block


class JsonLines(Pace):
    """Writes an object a line, each with its `event`; numbers that do not exist are null.

    - begin: blocks, how many models on data sets there are;
    - block: block, number, images;
    - progress: `Pace.facts`, at most once a second and at the end of a block;
    - note: text;
    - then one of result (see `result_facts`), plan (see `plan_facts`), error (type, message), stopped.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        super().__init__(clock)
        self.told = float("-inf")

    def __enter__(self) -> "JsonLines":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, Stopped | KeyboardInterrupt):
            self.write("stopped", {"exit_code": INTERRUPTED})
        elif isinstance(error, XaibenchError):
            self.write("error", {"type": type(error).__name__, "message": str(error), "exit_code": 2})

    def write(self, event: str, facts: dict[str, Any]) -> None:
        """One line."""
        line = json.dumps(plain({"event": event, **facts}), allow_nan=False, ensure_ascii=False)
        print(line, flush=True)

    def begin(self, blocks: int) -> None:
        """A run begins."""
        super().begin(blocks)
        self.write("begin", {"blocks": blocks})

    def block(self, name: str, images: int) -> None:
        """A block begins, once its images are known."""
        super().block(name, images)
        if images:
            self.write("block", {"block": name, "number": self.number, "images": images})

    def stage(self, name: str) -> None:
        """Another stage."""
        super().stage(name)
        self.tell()

    def passed(self, images: int) -> None:
        """Another pass."""
        super().passed(images)
        self.tell()

    def done(self, images: int, resumed: bool) -> None:
        """Images are finished; the last of a block are always told."""
        super().done(images, resumed)
        self.tell(always=self.finished == self.images)

    def note(self, text: str) -> None:
        """Something that the user should know."""
        self.write("note", {"text": text})

    def tell(self, always: bool = False) -> None:
        """How it goes, if the last time is long enough ago."""
        now = self.clock()
        if always or now - self.told >= EVERY:
            self.told = now
            self.write("progress", self.facts)


def result_facts(results: "Results", code: int) -> dict[str, Any]:
    """A finished run: where it is, what it cost, its leaderboard with intervals and ties, problems.

    Args:
        results: of the run.
        code: that the command ends with.
    """
    return {
        "output": str(results.path),
        "exit_code": code,
        "seconds": results.manifest.get("seconds", {}).get("all"),
        "forwards": sum(results.manifest.get("forwards", {}).values()),
        "statuses": results.manifest.get("statuses", {}),
        "leaderboard": [
            {
                "model": board.model,
                "dataset": board.dataset,
                "images": board.images,
                "metrics": {
                    column.key: {"higher_is_better": column.higher_is_better} for column in board.columns
                },
                "explainers": [line_facts(line) for line in board.lines],
            }
            for board in results.boards()
        ],
        "verdict": results.verdict().to_dict("records"),
        "problems": results.problems().to_dict("records"),
        "notes": results.notes,
    }


def line_facts(line: "Line") -> dict[str, Any]:
    """An explainer's line of a leaderboard."""
    of_line = ("explainer", "rank", "tie", "mean_rank", "ms")
    of_value = ("mean", "low", "high", "images", "best", "tied", "unsupported", "missing", "degenerate")
    return {name: getattr(line, name) for name in of_line} | {
        "values": {
            key: {name: getattr(value, name) for name in of_value}
            for key, value in line.values.items()
            if value.requested
        }
    }


def plan_facts(forecasts: "Sequence[Forecast]") -> dict[str, Any]:
    """A dry run: what each block would be."""
    return {"exit_code": 0, "blocks": [asdict(of_block) for of_block in forecasts]}


def plain(value: Any) -> Any:
    """What JSON can hold: no NaN, no infinity, lists for tuples."""
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if hasattr(value, "item"):  # numpy's numbers
        value = value.item()
    return None if isinstance(value, float) and not isfinite(value) else value
