"""Insertion and deletion in fewer forwards: steps where the curve bends, and a bound on what is missed.

The protocol, its curve and its area are those of `insertion_deletion`, after Petsiuk et al. 2018,
arXiv:1806.07421; which of its steps are evaluated is ours, and so is the bound.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from xaibench.api.batch import Batch
from xaibench.api.scored import Scored
from xaibench.api.types import Images, Indices, Maps
from xaibench.api.variants import Asks, Variants
from xaibench_metrics.faithfulness.curves import blur, swaps


def deletion_adaptive(
    maps: Maps, batch: Batch, steps: int = 224, coarse: int = 28, tolerance: float = 0.02
) -> Asks[Scored]:
    """Deletion's area at `steps` steps, from as many of them as bring its bound below `tolerance`."""
    grey = torch.zeros_like(batch.images)
    path = batch.images, grey
    return (yield from adaptive_area(maps, batch, path, ("image", "grey"), steps, coarse, tolerance))


def insertion_adaptive(
    maps: Maps, batch: Batch, steps: int = 224, coarse: int = 28, tolerance: float = 0.02
) -> Asks[Scored]:
    """Insertion's area at `steps` steps, from as many of them as bring its bound below `tolerance`."""
    path = blur(batch.images), batch.images
    return (yield from adaptive_area(maps, batch, path, ("blurred", "image"), steps, coarse, tolerance))


@dataclass(frozen=True)
class Curve:
    """Some steps of one image's curve.

    Args:
        steps: (n,) of int, ascending, from 0 to the last.
        scores: (n,), the target probability at each.
    """

    steps: Tensor
    scores: Tensor

    @property
    def share(self) -> Tensor:
        """Where on [0, 1] each step lies."""
        return self.steps.to(self.scores) / self.steps[-1]

    @property
    def area(self) -> Tensor:
        """By trapezoids; the curve's own where no step is left out."""
        return torch.trapezoid(self.scores, self.share)

    @property
    def left_out(self) -> Tensor:
        """(n - 1,), how many steps of each interval are not evaluated."""
        return self.steps.diff() - 1

    @property
    def bounds(self) -> Tensor:
        """(n - 1,), what each interval may add to the area's error, if its steps score as those around.

        m steps left out between scores p and q are taken for points of the line from p to q, whose sum
        is m (p + q) / 2. Where each lies in the range of the four steps evaluated around it (the two
        ends of its interval and the next on either side), their own sum is off that by no more than m
        times what the range reaches beyond (p + q) / 2, upwards or downwards.
        """
        around = torch.cat([self.scores[:1], self.scores, self.scores[-1:]]).unfold(0, 4, 1)
        middle = (self.scores[1:] + self.scores[:-1]) / 2
        reach = torch.maximum(around.amax(1) - middle, middle - around.amin(1))
        return self.left_out * reach / self.steps[-1]

    @property
    def certain(self) -> Tensor:
        """What the area's error cannot exceed: a step left out scores from 0 to 1, whatever its ends."""
        middle = (self.scores[1:] + self.scores[:-1]) / 2
        return (self.left_out * torch.maximum(middle, 1 - middle)).sum() / self.steps[-1]

    def next_steps(self, tolerance: float) -> Tensor:
        """The middles of the intervals to halve next, (n,) ascending; none once the bound is kept.

        They are the fewest, largest first, without which the others' bounds add up to no more than half
        of the tolerance.
        """
        total = self.bounds.sum()
        if not total > tolerance:  # nor where a score is NaN
            return self.steps[:0]
        bounds, order = self.bounds.sort(descending=True, stable=True)
        rest = total - bounds.cumsum(0)
        chosen = order[: int((rest > tolerance / 2).sum()) + 1]
        chosen = chosen[self.left_out[chosen] > 0]
        return ((self.steps[chosen] + self.steps[chosen + 1]) // 2).sort().values

    def joined(self, steps: Tensor, scores: Tensor) -> "Curve":
        """With more steps."""
        every, order = torch.cat([self.steps, steps]).sort()
        return Curve(every, torch.cat([self.scores, scores])[order])

    def spread(self) -> Tensor:
        """(last + 1,), NaN at the steps that are left out."""
        whole = self.scores.new_full((int(self.steps[-1]) + 1,), torch.nan)
        whole[self.steps] = self.scores
        return whole

    def remark(self) -> str:
        """What the row says of the score."""
        return (
            f"{len(self.steps)} of {int(self.steps[-1]) + 1} steps; off the area of all by "
            f"{self.bounds.sum().item():.4f} at most where no step left out scores beyond the four "
            f"around it, by {self.certain.item():.2f} at most whatever they score"
        )


def adaptive_area(
    maps: Maps,
    batch: Batch,
    path: tuple[Images, Images],
    names: tuple[str, str],
    steps: int,
    coarse: int,
    tolerance: float,
) -> Asks[Scored]:
    """Area under the target probability, in [0, 1], from some of the steps of `area`.

    A coarse grid first; then, round by round and for all images together, the intervals are halved that
    may hide most. It ends where their bounds add up to `tolerance` at most.

    What is guaranteed: where every step left out scores within the range of the four steps evaluated
    around it, the area differs from that of all steps by no more than the bound that the row states. A
    monotone curve does so; a peak that stands between two steps evaluated does not. Without that
    assumption only `Curve.certain` holds, which the row states beside it.

    Args:
        maps: (B, H, W), larger is more salient.
        batch: the trials.
        path: images with nothing swapped, and with everything.
        names: what those are called.
        steps: into how many parts the pixels are cut, but for rounding up to whole pixels.
        coarse: intervals of the first grid.
        tolerance: of the bound.

    Returns:
        Areas; curves with NaN at the steps left out; and a remark on each, with its bound.
    """
    build, last = swaps(maps, batch, *path, steps)
    first = torch.linspace(0, last, min(coarse, last) + 1).round().long()
    common = {0: names[0], len(first) - 1: names[1]}
    scores = yield Variants(asking(build, [first] * len(maps)), len(first), common=common)
    first = first.to(scores.device)
    curves = [Curve(first, row) for row in scores]
    while any(map(len, wanted := [curve.next_steps(tolerance) for curve in curves])):
        counts = [len(more) for more in wanted]
        scores = yield Variants(asking(build, wanted), counts)
        curves = [
            curve.joined(more, row[:count])
            for curve, more, row, count in zip(curves, wanted, scores, counts, strict=True)
        ]
    return Scored(
        torch.stack([curve.area for curve in curves]),
        torch.stack([curve.spread() for curve in curves]),
        remarks={i: curve.remark() for i, curve in enumerate(curves)},
    )


def asking(
    build: Callable[[int, Indices], Images], wanted: Sequence[Tensor]
) -> Callable[[int, Indices], Images]:
    """What makes the k-th of the steps that are wanted of an image."""
    return lambda row, k: build(row, wanted[row].to(k.device)[k])
