"""Whether what a map marks is what the network looks at, by Quantus, which changes the image and asks.

The network is asked by `Explaining.logits`, which counts what is forwarded.
"""

from math import ceil, isqrt

from xaibench.api.batch import Batch
from xaibench.api.explaining import Explaining
from xaibench.api.scored import Scored
from xaibench.api.types import Maps
from xaibench_quantus.calling import by_quantus


def pixel_flipping(maps: Maps, batch: Batch, explainer: Explaining, steps: int = 147) -> Scored:
    """Area under the target probability as values become the least one, most salient first.

    Bach et al. 2015. The curve begins after the first step; neighbours on it are 1 apart, so that its
    area grows with the number of steps.

    Args:
        maps: (B, H, W).
        batch: the trials.
        explainer: whose maps they are.
        steps: at most; see `features_of`.
    """
    settings = {"features_in_step": features_of(maps, steps)}
    return by_quantus("PixelFlipping", maps, batch, settings, explainer=explainer)


def region_perturbation(
    maps: Maps, batch: Batch, explainer: Explaining, grid: int = 14, regions: int = 100
) -> Scored:
    """Area under the drop of the target probability as patches become the least value.

    Samek et al. 2016, arXiv:1509.06321.

    Args:
        maps: (B, H, W).
        batch: the trials.
        explainer: whose maps they are.
        grid: patches along the longer side, at most.
        regions: patches changed, most salient first.
    """
    settings = {"patch_size": patch_of(maps, grid), "regions_evaluation": regions}
    return by_quantus("RegionPerturbation", maps, batch, settings, explainer=explainer)


def selectivity(maps: Maps, batch: Batch, explainer: Explaining, grid: int = 14) -> Scored:
    """Area under the target probability as patches become the least value; Montavon et al. 2018.

    Args:
        maps: (B, H, W).
        batch: the trials.
        explainer: whose maps they are.
        grid: patches along the longer side, at most.
    """
    settings = {"patch_size": patch_of(maps, grid)}
    return by_quantus("Selectivity", maps, batch, settings, explainer=explainer)


def faithfulness_correlation(maps: Maps, batch: Batch, explainer: Explaining, runs: int = 100) -> Scored:
    """Pearson's correlation of random values' saliency with the drop of the logit without them.

    Bhatt et al. 2020, arXiv:2005.00631. As many values at once as a square image has pixels along a
    side: 224 of 224 x 224, which is Quantus's default.

    Args:
        maps: (B, H, W).
        batch: the trials.
        explainer: whose maps they are.
        runs: random subsets, the same for all maps of an image.
    """
    settings = {"nr_runs": runs, "subset_size": isqrt(maps[0].numel())}
    return by_quantus("FaithfulnessCorrelation", maps, batch, settings, explainer=explainer)


def faithfulness_estimate(maps: Maps, batch: Batch, explainer: Explaining, steps: int = 147) -> Scored:
    """Pearson's correlation of values' saliency with the drop of the logit without them, and only them.

    Alvarez-Melis and Jaakkola 2018, arXiv:1806.07538.

    Args:
        maps: (B, H, W).
        batch: the trials.
        explainer: whose maps they are.
        steps: groups of values, most salient first, at most; see `features_of`.
    """
    settings = {"features_in_step": features_of(maps, steps)}
    return by_quantus("FaithfulnessEstimate", maps, batch, settings, explainer=explainer)


def monotonicity_correlation(
    maps: Maps, batch: Batch, explainer: Explaining, steps: int = 28, samples: int = 10
) -> Scored:
    """Spearman's correlation of values' saliency with the spread of the probability as they vary.

    Nguyen and Martinez 2020, arXiv:2007.07584.

    Args:
        maps: (B, H, W).
        batch: the trials.
        explainer: whose maps they are.
        steps: groups of values, least salient first, at most; see `features_of`.
        samples: uniform in [0, 1), one number for all values of the group.
    """
    settings = {"features_in_step": features_of(maps, steps), "nr_samples": samples}
    return by_quantus("MonotonicityCorrelation", maps, batch, settings, explainer=explainer)


def features_of(maps: Maps, steps: int) -> int:
    """Values of a step, three a pixel: the least that divide the pixels and take `steps` at most.

    Quantus wants the pixels of an image divided without a rest.
    """
    pixels = maps[0].numel()
    fitting = (n for n in range(1, pixels) if pixels % n == 0 and ceil(3 * pixels / n) <= steps)
    return next(fitting, pixels)


def patch_of(maps: Maps, grid: int) -> int:
    """Pixels along the side of a square patch, of which `grid` at most are in a row."""
    return ceil(max(maps.shape[1:]) / grid)
