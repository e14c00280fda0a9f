"""Remove pixels and fill them in: MoRF, LeRF and ROAD. Rong et al. 2022, arXiv:2202.00449."""

from collections.abc import Callable

import numpy as np
import torch

from xaibench.api.batch import Batch
from xaibench.api.scored import Scored
from xaibench.api.types import Curves, Images, Indices, Maps, Masks
from xaibench.api.variants import Asks, Variants
from xaibench_metrics.faithfulness.imputation import impute
from xaibench_metrics.ranking import descending_rank

LEVELS = (10, 20, 30, 40, 50, 60, 70, 80, 90)  # per cent of the pixels removed


def morf(maps: Maps, batch: Batch, noise: float = 0.01) -> Asks[Scored]:
    """Mean target probability with 10 to 90 % of the pixels removed, most relevant first."""
    curve = yield removed(maps, batch, noise, most=True)
    return Scored(curve.mean(1), curve)


def lerf(maps: Maps, batch: Batch, noise: float = 0.01) -> Asks[Scored]:
    """Mean target probability with 10 to 90 % of the pixels removed, least relevant first."""
    curve = yield removed(maps, batch, noise, most=False)
    return Scored(curve.mean(1), curve)


def road(maps: Maps, batch: Batch, noise: float = 0.01) -> Asks[Scored]:
    """Half of LeRF minus MoRF, in [-1/2, 1/2]; it needs no forward that they do not."""
    least = yield removed(maps, batch, noise, most=False)
    most = yield removed(maps, batch, noise, most=True)
    return Scored((least - most).mean(1) / 2, (least - most) / 2)


def removed(maps: Maps, batch: Batch, noise: float, most: bool) -> Variants:
    """The images with each share of their pixels removed; at least one pixel stays."""
    rank = descending_rank(maps, batch)
    pixels = rank[0].numel()
    counts = torch.tensor([min((level * pixels + 50) // 100, pixels - 1) for level in LEVELS])

    def gone(row: int, k: Indices) -> Masks:
        count = counts.to(k.device)[k][:, None, None]
        return rank[row] < count if most else rank[row] >= pixels - count

    first = "most" if most else "least"
    return filled_in(batch, gone, noise, f"{first} relevant removed, noise {noise}")


def filled_in(batch: Batch, gone: Callable[[int, Indices], Masks], noise: float, name: str) -> Variants:
    """The images without what is gone, filled in linearly, with noise that is drawn once an image."""
    grain = torch.stack(
        [torch.randn(batch.images.shape[1:], generator=g) for g in batch.generators("road")]
    ).to(batch.images)

    def build(row: int, k: Indices) -> Images:
        missing = gone(row, k)
        whole = batch.images[row].expand(len(k), -1, -1, -1)
        whole = whole.masked_fill(missing.flatten(1).all(1)[:, None, None, None], 0)
        return impute(whole, missing) + noise * grain[row] * missing[:, None]

    return Variants(build, count=len(LEVELS), name=name)


def percentile_road(maps: Maps, batch: Batch, noise: float = 0.01) -> Asks[Scored]:
    """ROAD as pytorch-grad-cam has it: what is not below a percentile of the map goes, ties together.

    A map with a plateau at its least value can lose the whole image; it then becomes the mean colour,
    which is what that library's solver finds where it has nothing to go by.
    """
    curves: list[Curves] = []
    for name, values in (("least", 1 - maps), ("most", maps)):
        gone = torch.stack([above_percentiles(saliency) for saliency in values])

        def missing(row: int, k: Indices, gone: torch.Tensor = gone) -> Masks:
            return gone[row, k]

        curves.append((yield filled_in(batch, missing, noise, f"{name} by percentile, noise {noise}")))
    curve = (curves[0] - curves[1]) / 2
    return Scored(curve.mean(1), curve)


def above_percentiles(saliency: torch.Tensor) -> Masks:
    """(9, H, W), True where the map is not below its percentile of each level, by NumPy's rule."""
    values = saliency.cpu().numpy()
    cuts = [np.percentile(values, level) for level in LEVELS]
    return torch.from_numpy(np.stack([values >= cut for cut in cuts])).to(saliency.device)
