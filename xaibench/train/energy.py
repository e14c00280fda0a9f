"""Share of a map that lies on the object. Wang et al. 2020, arXiv:1910.01279, by masks."""

import torch

from xaibench.api.batch import Batch
from xaibench.api.maps import upsample
from xaibench.api.types import Maps, Scores


def energy_in_mask(maps: Maps, batch: Batch) -> Scores:
    """Sum of the map on the object by its sum on all the image, in [0, 1]; 0 for a map of zeros.

    Asked in pixels of the original image, as the pointing game is.
    """
    shares = []
    for saliency, region in zip(maps, batch.regions, strict=True):
        x0, y0, x1, y1 = (round(edge) for edge in region.frame)
        seen = upsample(saliency[None], (y1 - y0, x1 - x0))[0].double()
        inside = seen[region.pixels()[y0:y1, x0:x1].to(seen.device)].sum()
        total = seen.sum()
        shares.append(inside / total if total > 0 else torch.zeros_like(total))
    return torch.stack(shares).to(maps)
