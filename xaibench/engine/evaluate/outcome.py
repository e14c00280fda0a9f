"""What came of explainers and metrics on one shard: values or reasons, and what they took."""

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from xaibench.api.batch import Batch
from xaibench.api.errors import PluginError, Undefined, Unsupported, XaibenchError
from xaibench.api.scored import Scored
from xaibench.api.types import Flags, Maps
from xaibench.engine.device.memory import OutOfMemory, out_of_memory
from xaibench.engine.evaluate.stream import Answer

UNANNOTATED = "no box or mask of the target class"


@dataclass
class Outcome:
    """What came of one explainer or one metric on some trials.

    Args:
        rows: which trials of the batch it was asked about.
        values: maps or scores of those trials; None where it failed as a whole.
        status, reason: of the whole.
        curves: what single trials' scores were made of, by their place in `rows`.
        ms, forwards, backwards: for one trial, on average.
        own: seconds of the method's own code, for all trials.
        odd: (status, reason) of single trials, by their place in `rows`.
        remarks: what the method said of trials that went well, likewise.
    """

    rows: list[int]
    values: Tensor | None = None
    curves: dict[int, Tensor] = field(default_factory=dict)
    status: str = "ok"
    reason: str = ""
    ms: float = 0.0
    forwards: float = 0.0
    backwards: float = 0.0
    own: float = 0.0
    odd: dict[int, tuple[str, str]] = field(default_factory=dict)
    remarks: dict[int, str] = field(default_factory=dict)


@dataclass
class Explained:
    """One explainer's maps, rescaled to [0, 1] at the images' resolution, and which are constant.

    Args:
        precision: "float32" as they were made, "float16" where they were kept on disk.
    """

    outcome: Outcome
    maps: Maps | None = None
    degenerate: Flags | None = None
    precision: str = "float32"


@dataclass(frozen=True)
class Evaluation:
    """What one shard came to: maps by explainer, scores by explainer and metric."""

    explained: dict[str, Explained]
    scored: dict[tuple[str, str], Outcome]


def mark_unknown(outcome: Outcome, batch: Batch) -> bool:
    """Mark the trials whose target class is not annotated as undefined; whether any is left."""
    why = ("undefined", UNANNOTATED)
    outcome.odd = {
        place: why
        for place, row in enumerate(outcome.rows)
        if not batch.regions or not batch.regions[row].known
    }
    if len(outcome.odd) == len(outcome.rows):
        outcome.status, outcome.reason = why
        return False
    return True


def status_of(error: Exception) -> tuple[str, str]:
    """The status and reason that an error becomes."""
    if isinstance(error, Unsupported):
        return "unsupported", str(error)
    if isinstance(error, Undefined):
        return "undefined", str(error)
    if "does not have a deterministic implementation" in str(error):
        what = str(error).split(" does not have")[0]
        return "failed", f"{what} has no deterministic form; run without --deterministic"
    if type(error) is XaibenchError:  # raised by `raise_wrong`: its text names the error already
        return "failed", str(error)
    return "failed", f"{type(error).__name__}: {error}".strip()


def fail(outcome: Outcome, error: Exception, batch: Batch) -> None:
    """Make what a method raised about `batch` its outcome's status and reason.

    Raises:
        OutOfMemory: fewer images at once may mend it.
    """
    images = len(set(batch.ids))
    if images > 1 and out_of_memory(error):
        # its traceback would keep what did not fit, while the half is tried
        raise OutOfMemory(f"out of memory with {images} images at once") from error.with_traceback(None)
    outcome.status, outcome.reason = status_of(error)


def raise_wrong(outcome: Outcome) -> None:
    """Raise what an outcome says went wrong.

    Raises:
        Unsupported, Undefined, XaibenchError: by its status, or that of its first odd trial.
    """
    for status, reason in [(outcome.status, outcome.reason), *outcome.odd.values()]:
        if status == "unsupported":
            raise Unsupported(reason)
        if status == "failed":
            raise XaibenchError(reason)
    if outcome.status == "undefined":
        raise Undefined(outcome.reason)


def conclude(outcome: Outcome, answer: Answer[Any], batch: Batch) -> None:
    """Put what a method returned, raised and cost into its outcome.

    Raises:
        OutOfMemory: fewer images than in `batch` may do.
    """
    count = max(1, len(outcome.rows) - len(outcome.odd))
    outcome.forwards += answer.forwards / count
    outcome.ms += 1e3 * answer.seconds / count
    if answer.error is not None:
        fail(outcome, answer.error, batch)
    elif outcome.values is None:
        outcome.values = answer.value
    else:
        try:
            keep_scores(outcome, answer.value)
        except PluginError as error:
            outcome.status, outcome.reason = status_of(error)


def keep_scores(outcome: Outcome, returned: object) -> None:
    """What a metric said of those trials that it was asked about.

    Raises:
        PluginError: not one score a trial.
    """
    places_asked = [i for i in range(len(outcome.rows)) if i not in outcome.odd]
    detailed = returned if isinstance(returned, Scored) else None
    scores: object = detailed.scores if detailed else returned
    curves = detailed.curves if detailed else None
    if not isinstance(scores, Tensor) or tuple(scores.shape) != (len(places_asked),):
        shape = tuple(getattr(scores, "shape", ())) or type(scores).__name__
        raise PluginError(f"the metric returned {shape}; expected ({len(places_asked)},)")
    if curves is not None and (curves.ndim != 2 or len(curves) != len(places_asked)):
        raise PluginError(
            f"the metric returned curves of {tuple(curves.shape)}; expected ({len(places_asked)}, n)"
        )
    assert outcome.values is not None
    outcome.values[places_asked] = scores.to(outcome.values)
    if curves is not None:
        for place, curve in zip(places_asked, curves.cpu(), strict=True):
            places = (~curve.isnan()).nonzero()
            outcome.curves[place] = curve[: int(places.max()) + 1 if len(places) else 0]
    for i, why in (detailed.undefined if detailed else {}).items():
        outcome.odd[places_asked[i]] = ("undefined", why)
    outcome.remarks |= {
        places_asked[i]: why for i, why in (detailed.remarks if detailed else {}).items()
    }
