"""Clauses of metrics' contract."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from xaibench.api.errors import Undefined
from xaibench.api.scored import Scored
from xaibench.api.specs import METRIC_NEEDS, METRIC_TRAITS
from xaibench.results.aggregates import AGGREGATES
from xaibench.testing.common.comparisons import apart, close, same
from xaibench.testing.common.contract import Broken, Contract, NotAsked, known_words
from xaibench.testing.common.side_effects import Unwritten, check_memory, global_draws
from xaibench.testing.metrics.metric_trial import WIDTH, MetricTrial, spotted, spotting

SCORES = Contract()


@SCORES.clause(
    "facts", "a number of which nobody knows what it means cannot be compared.", essential=True
)
def facts(trial: MetricTrial) -> None:
    """Known words, a range, and a convention in words."""
    spec = trial.spec
    known_words("`needs`", spec.needs, METRIC_NEEDS)
    known_words("`traits`", spec.traits, METRIC_TRAITS)
    known_words("`target`", (spec.target,), ("predicted", "label"))
    known_words("`aggregate`", (spec.aggregate,), tuple(AGGREGATES))
    low, high = spec.range
    if not low < high:
        raise Broken("a range from its least to its largest score", f"{spec.range}")
    if not spec.name or set(spec.name) & set(" ,:=@/\\"):
        raise Broken("a name without spaces and any of , : = @ / \\", repr(spec.name))
    if not spec.convention:
        raise Broken("`convention`: what the number means, choice by choice", "none")
    for what, text in spec.convention.items():
        if not isinstance(text, str) or not text:
            raise Broken("a convention in words", f"{what!r}: {text!r}")


@SCORES.clause("supersedes", "two versions are two metrics; readers must know what was mended.")
def supersedes(trial: MetricTrial) -> None:
    """A version after the first says what it supersedes."""
    if trial.spec.version < 1:
        raise Broken("a version of 1 or more", str(trial.spec.version))
    if trial.spec.version > 1 and not trial.spec.supersedes:
        raise Broken("`supersedes`: what it mends of the version before", "nothing")


@SCORES.clause(
    "one-number-an-image", "every image is a row; means are taken afterwards.", essential=True
)
def one_number_an_image(trial: MetricTrial) -> None:
    """(B,) of floats, or a Scored with them."""
    count = len(trial.batch.ids)
    for name, answered in trial.usual.items():
        scores: Any = answered.scores
        if not isinstance(scores, Tensor):
            raise Broken(f"a tensor ({count},), or a Scored", f"{type(scores).__name__}, maps {name}")
        if tuple(scores.shape) != (count,):
            raise Broken(f"({count},), one number an image", f"{tuple(scores.shape)}, maps {name}")
        if not scores.is_floating_point():
            raise Broken("floating-point numbers", f"{scores.dtype}, maps {name}")
        curves = answered.returned.curves if isinstance(answered.returned, Scored) else None
        if curves is not None and (curves.ndim != 2 or len(curves) != count):
            raise Broken(f"curves of ({count}, n)", f"{tuple(curves.shape)}, maps {name}")


@SCORES.clause(
    "deterministic", "a result that another call does not give again cannot be checked.", essential=True
)
def deterministic(trial: MetricTrial) -> None:
    """Twice the same, whatever the process's own generators say."""
    both = []
    for seed in (1, 2):
        with global_draws(seed):  # ties are where a metric has to draw
            both.append(trial.score(trial.maps["with a plateau"]).scores)
    if not same(*both):
        raise Broken(
            "the same score for the same seeds; draw from `batch.generators(...)`",
            f"{apart(*both)}, with other global seeds",
        )


@SCORES.clause("range", "figures draw the range, and a score outside of it is a mistake somewhere.")
def in_range(trial: MetricTrial) -> None:
    """Every score that is a number lies in the spec's range."""
    low, high = trial.spec.range
    for name, scores in trial.scored().items():
        outside = scores[(scores < low) | (scores > high)]
        if outside.numel():
            raise Broken(f"scores from {low:g} to {high:g}", f"{float(outside[0]):.6g}, maps {name}")


@SCORES.clause("undefined-with-reason", "a gap that says why can be counted; a guess cannot be found.")
def undefined_with_reason(trial: MetricTrial) -> None:
    """NaN and a reason stand together; infinity is no score."""
    for name, answered in trial.usual.items():
        reasons: Mapping[int, str] = (
            answered.returned.undefined if isinstance(answered.returned, Scored) else {}
        )
        lacking = (~answered.scores.isfinite()).nonzero().flatten().tolist()
        for place in lacking:
            if not reasons.get(place):
                raise Broken(
                    "a reason for a score that is no number: `Scored(scores, undefined={place: why})`",
                    f"{float(answered.scores[place])} of map {place} without one, maps {name}",
                )
        for place in sorted(set(reasons) - set(lacking)):
            score = float(answered.scores[place]) if place < len(answered.scores) else "no map"
            raise Broken("NaN where a score is undefined", f"{score} at {place}, maps {name}")


@SCORES.clause("scores-something", "what is undefined of every map says nothing of any explainer.")
def scores_something(trial: MetricTrial) -> None:
    """Of images with boxes, or of images with masks, a map without ties has a score."""
    answered = trial.usual["without ties"]
    if not answered.scores.isfinite().any():
        batch, right, _ = spotted()
        answered = trial.score(right, batch, spotting)
    if not answered.scores.isfinite().any():
        reasons = answered.returned.undefined if isinstance(answered.returned, Scored) else {}
        why = next(iter(reasons.values()), "no reason")
        raise Broken("a number for at least one of the maps without ties", f"none: {why}")


@SCORES.clause(
    "batch-equals-loop", "a run cuts images into batches by memory; no score may depend on it."
)
def batch_equals_loop(trial: MetricTrial) -> None:
    """Each map alone has the score it has among others; any order, any width of passes."""
    for name, maps in trial.maps.items():
        together = trial.usual[name].scores
        for rows, width in (([2, 0], 16), ([1], 1)):
            some = trial.score(maps[rows], trial.batch.select(rows), width=width).scores
            if not close(some, together[rows]):
                raise Broken(
                    "the same score for a map alone and among others",
                    f"of maps {rows}, {name}: {apart(some, together[rows])}",
                )


@SCORES.clause("maps-unwritten", "every metric of a run looks at the same maps and the same images.")
def maps_unwritten(trial: MetricTrial) -> None:
    """Neither maps nor batch are written to."""
    batch, maps = trial.batch, trial.maps["one of them flat"].clone()
    unwritten = Unwritten({"maps": maps, "batch.images": batch.images, "batch.targets": batch.targets})
    trial.score(maps, batch)
    unwritten.check()


@SCORES.clause("order-only", "a metric of ranks must not favour one contrast of the same map.")
def order_only(trial: MetricTrial) -> None:
    """An increasing function of a map leaves its score as it is, where the spec says so."""
    if "order-only" not in trial.spec.traits:
        raise NotAsked('it has not the trait "order-only"')
    for name, maps in trial.maps.items():
        other = trial.score((2 * maps).expm1() / (torch.e**2 - 1)).scores
        if not close(other, trial.usual[name].scores):
            raise Broken(
                "the same score for an increasing function of the map, as the trait says",
                f"{apart(other, trial.usual[name].scores)}, maps {name}",
            )


@SCORES.clause("direction", "with the wrong direction, the table is upside down.")
def direction(trial: MetricTrial) -> None:
    """A map of what the network looks at does not score worse than the map of all else."""
    spec = trial.spec
    if not spec.ranks:
        raise NotAsked("no explainer stands by it: `ranks` is False")
    if "explainer" in spec.needs:
        raise NotAsked("it asks the explainer again, so maps alone do not settle its score")
    batch, right, wrong = spotted()
    try:
        good, bad = (trial.score(maps, batch, spotting).scores for maps in (right, wrong))
    except Undefined as reason:
        raise NotAsked(f"undefined: {reason}") from reason
    better, worse = (float(scores.nanmean()) for scores in (good, bad))
    if (worse > better) if spec.higher_is_better else (worse < better):
        best = "higher" if spec.higher_is_better else "lower"
        raise Broken(
            f"a {best} score for the map of all that the network looks at, as `higher_is_better` says",
            f"{better:.4g} for it, {worse:.4g} for the map of all else",
        )


@SCORES.clause("pass-width", "passes are as wide as memory allows, which differs between machines.")
def pass_width(trial: MetricTrial) -> None:
    """As many forwards whatever the width of a pass, and the same scores."""
    (name, maps), *_ = trial.maps.items()
    wide = trial.usual[name]
    if not wide.forwards:
        raise NotAsked("it asks for no forwards")
    narrow = trial.score(maps, width=1)
    if narrow.forwards != wide.forwards or not close(narrow.scores, wide.scores):
        raise Broken(
            f"the same scores and forwards in passes of 1 and of {WIDTH}",
            f"{narrow.forwards} and {wide.forwards} forwards; {apart(narrow.scores, wide.scores)}",
        )


@SCORES.clause("memory", "a run of a million images must not need more than one of ten.")
def memory(trial: MetricTrial) -> None:
    """Nothing is kept from call to call."""
    maps, batch = trial.maps["without ties"][:1], trial.batch.select([0])
    check_memory(lambda: trial.score(maps.clone(), batch))
