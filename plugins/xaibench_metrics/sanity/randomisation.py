"""Does an explanation depend on the weights, and on the class? Adebayo et al. 2018; Sixt et al. 2020.

arXiv:1810.03292, parameter randomisation; arXiv:1912.09818, random logit.
"""

from dataclasses import replace

import torch
from torch import Tensor

from xaibench.api.batch import Batch
from xaibench.api.explaining import Explaining
from xaibench.api.maps import flat
from xaibench.api.scored import Scored
from xaibench.api.types import Maps, Targets
from xaibench_metrics.sanity.cascade import Statistics, cascade
from xaibench_metrics.similarity import spearman, ssim

SIMILARITIES = {"spearman": spearman, "ssim": ssim}
FLAT = "its map is flat"


def parameter_randomisation(
    maps: Maps,
    batch: Batch,
    explainer: Explaining,
    stages: int = 10,
    similarity: str = "spearman",
    statistics: Statistics = "kept",
) -> Scored:
    """How alike the map stays as the weights are drawn anew, from the logits down; lower is better.

    The curve is the similarity to the map of the network after each stage, NaN where the map is flat
    there; the score is the mean of the others. An explanation that looks at the picture alone has 1.

    Args:
        maps: (B, H, W), of the trained network.
        batch: the trials, whose targets stay.
        explainer: whose maps they are.
        stages: at most so many.
        similarity: "spearman" or "ssim".
        statistics: of batch norms: "kept", or "measured" on noise once their weights are drawn anew.
    """
    alike = SIMILARITIES[similarity]
    seeds = batch.seeds or (0,) * len(batch.ids)
    size = (maps.shape[1], maps.shape[2])
    random_maps: list[Tensor] = [maps.new_empty(0)] * len(seeds)
    for seed in dict.fromkeys(seeds):  # one, but where somebody has put trials of two runs together
        rows = [row for row, drawn_by in enumerate(seeds) if drawn_by == seed]
        whole = len(rows) == len(seeds)  # the very batch, whose passes others may have asked for
        own, some = (maps, batch) if whole else (maps[rows], batch.select(rows))
        networks = cascade(explainer.classifier, size, stages, seed, statistics)
        curve = [alike(own, explainer.maps(some, network)) for network in networks]
        for row, values in zip(rows, torch.stack(curve, 1), strict=True):
            random_maps[row] = values
    curves = torch.stack(random_maps)
    undefined = {
        row: FLAT if constant else "its map is flat after every stage"
        for row, constant in enumerate(flat(maps).tolist())
        if bool(curves[row].isnan().all())
    }
    return Scored(curves.nanmean(1), curves, undefined)


def random_logit(maps: Maps, batch: Batch, explainer: Explaining) -> Scored:
    """Rank correlation with the map of another class, drawn for each image; lower is better."""
    classes = explainer.logits(batch.images[:1]).shape[1]
    drawn = [
        torch.randint(classes - 1, (), generator=generator)
        for generator in batch.generators("random-logit")
    ]
    others = torch.stack(drawn).to(batch.targets)
    return of_other_class(maps, batch, explainer, others + (others >= batch.targets))


def class_sensitivity(maps: Maps, batch: Batch, explainer: Explaining) -> Scored:
    """Rank correlation with the map of the least likely class; lower is better."""
    return of_other_class(maps, batch, explainer, explainer.logits(batch.images).argmin(1))


def of_other_class(maps: Maps, batch: Batch, explainer: Explaining, targets: Targets) -> Scored:
    """Rank correlation with the maps of other classes, (B,); undefined where either map is flat."""
    others = explainer.maps(replace(batch, targets=targets))
    flat_there = flat(others).tolist()
    undefined = {
        row: FLAT if constant else "the other class's map is flat"
        for row, constant in enumerate(flat(maps).tolist())
        if constant or flat_there[row]
    }
    return Scored(spearman(maps, others).to(maps), undefined=undefined)
