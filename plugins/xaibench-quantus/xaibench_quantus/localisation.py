"""How much of a map is on the object, by Quantus.

The mask is that of the network's input: the pixels of which the region covers at least half.
"""

import torch

from xaibench.api.batch import Batch
from xaibench.api.scored import Scored
from xaibench.api.types import Maps, Masks
from xaibench_quantus.calling import by_quantus

USUAL = 224 * 224  # pixels of the image that Quantus's default is for


def pointing_game(maps: Maps, batch: Batch) -> Scored:
    """1 where one of the map's highest pixels is in the mask, else 0; Zhang et al. 2016."""
    return by_quantus("PointingGame", maps, batch, masks=masks_of(maps, batch))


def attribution_localisation(maps: Maps, batch: Batch) -> Scored:
    """Share of the map's sum that is in the mask; Kohlbrenner et al. 2020, arXiv:1910.09840."""
    return by_quantus("AttributionLocalisation", maps, batch, masks=masks_of(maps, batch))


def top_k_intersection(maps: Maps, batch: Batch, k: int = 1000) -> Scored:
    """Share of the k highest pixels that are in the mask; Theiner et al. 2021, arXiv:2104.14995.

    Args:
        maps: (B, H, W).
        batch: the trials, with their regions.
        k: of an image of 224 x 224; of others in proportion, one at least.
    """
    count = max(1, round(k * maps[0].numel() / USUAL))
    return by_quantus("TopKIntersection", maps, batch, {"k": count}, masks_of(maps, batch))


def relevance_mass_accuracy(maps: Maps, batch: Batch) -> Scored:
    """Share of the map's sum that is in the mask; Arras et al. 2022, arXiv:2003.07258."""
    return by_quantus("RelevanceMassAccuracy", maps, batch, masks=masks_of(maps, batch))


def relevance_rank_accuracy(maps: Maps, batch: Batch) -> Scored:
    """Share of the highest pixels, as many as the mask has, that are in it; Arras et al. 2022."""
    return by_quantus("RelevanceRankAccuracy", maps, batch, masks=masks_of(maps, batch))


def auc(maps: Maps, batch: Batch) -> Scored:
    """Area under the ROC curve of the map as a score of being in the mask; Fawcett 2006."""
    return by_quantus("AUC", maps, batch, masks=masks_of(maps, batch))


def masks_of(maps: Maps, batch: Batch) -> Masks:
    """(B, H, W): the pixels of the maps of which the target class covers at least half."""
    size = maps.shape[1:]
    return torch.stack([region.covered(size) >= 0.5 for region in batch.regions])
