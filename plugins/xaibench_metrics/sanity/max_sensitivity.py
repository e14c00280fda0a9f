"""Max-sensitivity. Yeh et al. 2019, arXiv:1901.09392."""

from dataclasses import replace

import torch

from xaibench.api.batch import Batch
from xaibench.api.explaining import Explaining
from xaibench.api.maps import flat
from xaibench.api.scored import Scored
from xaibench.api.types import Maps


def max_sensitivity(
    maps: Maps, batch: Batch, explainer: Explaining, samples: int = 10, radius: float = 0.02
) -> Scored:
    """Largest change of the map, as a share of its norm, when the image is changed a little.

    The curve is the change in each sample. What an explainer draws itself, it draws the same again.

    Args:
        maps: (B, H, W).
        batch: the trials, whose targets stay.
        explainer: whose maps they are.
        samples: images drawn around each.
        radius: of the box they are drawn from, uniformly, in units of the normalised image.
    """
    generators = batch.generators("max-sensitivity")
    shape, dtype = batch.images.shape[1:], batch.images.dtype
    norms = maps.flatten(1).norm(dim=1)
    changes = []
    for _ in range(samples):
        drawn = torch.stack([torch.rand(shape, generator=g, dtype=dtype) for g in generators])
        noise = radius * (2 * drawn - 1).to(batch.images.device)
        noisy_maps = explainer.maps(replace(batch, images=batch.images + noise))
        changes.append((noisy_maps - maps).flatten(1).norm(dim=1) / norms)
    constant = flat(maps)
    curves = torch.stack(changes, 1).masked_fill(constant[:, None], torch.nan)
    undefined = dict.fromkeys(constant.nonzero().flatten().tolist(), "its map is flat")
    return Scored(curves.amax(1), curves, undefined)
