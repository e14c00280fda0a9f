"""Quantus's metrics for xaibench. Hedstroem et al. 2023, JMLR, arXiv:2202.06861."""

from math import inf

from xaibench.api import Metric, hookimpl
from xaibench_quantus.choices import convention

XAIBENCH_API = 1
MASK = "pixels of the network's input of which the mask, or else the boxes, cover at least half"
TIES = "as numpy.argsort leaves them, such as a pixel's three colours"
AREA = "trapezoids of width 1 a step, as Quantus takes it: it grows with the number of steps"
LEAST = "the least value that the normalised image has anywhere"
FEATURES = (
    "values of a step (features_in_step), of three a pixel: the least number that divides the pixels "
    "and takes no more steps than that; at 224 x 224: "
)
PATCH = "a square of ceil(side / grid) pixels, the side the longer one"
ALONE = "each group alone, the rest of the image as it is"


@hookimpl
def xaibench_metrics() -> list[Metric]:
    """Of the map alone, of the map and a mask, and those that ask the network."""
    return [*of_maps(), *of_masks(), *of_curves(), *of_correlations()]


def of_maps() -> list[Metric]:
    """How concentrated a map is: descriptions, by which alone no map is better than another."""
    return [
        Metric(
            name="quantus-lib-sparseness",
            at="xaibench_quantus.complexity:sparseness",
            summary="Quantus's Sparseness: Gini coefficient; describes, and does not rank; no forward",
            ranks=False,
            higher_is_better=True,
            range=(0.0, 1.0),
            convention=convention("Sparseness", added="1e-7 to every pixel"),
            citation="Chalasani et al. 2020, arXiv:1810.06583",
        ),
        Metric(
            name="quantus-lib-complexity",
            at="xaibench_quantus.complexity:complexity",
            summary="Quantus's Complexity: entropy in nats; describes, and does not rank; no forward",
            ranks=False,
            higher_is_better=False,
            range=(-1e-6, inf),  # of one pixel alone it is -ln(1 + 1e-12)
            convention=convention("Complexity", added="1e-12 to every share, within the logarithm"),
            citation="Bhatt et al. 2020, arXiv:2005.00631",
        ),
        Metric(
            name="quantus-lib-effective-complexity",
            at="xaibench_quantus.complexity:effective_complexity",
            summary="Quantus's EffectiveComplexity: pixels above eps; describes, and does not rank; "
            "no forward",
            settings={"eps": 1e-5},
            ranks=False,
            higher_is_better=False,
            range=(0.0, inf),
            convention=convention("EffectiveComplexity", unit="pixels: it grows with the image"),
            citation="Nguyen and Martinez 2020, arXiv:2007.07584",
        ),
    ]


def of_masks() -> list[Metric]:
    """How much of a map is on the object."""
    arras = "Arras et al. 2022, arXiv:2003.07258"
    return [
        Metric(
            name="quantus-lib-pointing-game",
            at="xaibench_quantus.localisation:pointing_game",
            summary="Quantus's PointingGame: 1 where one of the map's tied maxima is on the object, "
            "else 0; no forward",
            higher_is_better=True,
            range=(0.0, 1.0),
            needs=("region",),
            target="label",
            convention=convention("PointingGame", mask=MASK),
            citation="Zhang et al. 2016, arXiv:1608.00507",
        ),
        Metric(
            name="quantus-lib-attribution-localisation",
            at="xaibench_quantus.localisation:attribution_localisation",
            summary="Quantus's AttributionLocalisation: share of the map's sum on the object; no "
            "forward",
            higher_is_better=True,
            range=(0.0, 1.0),
            needs=("region",),
            target="label",
            convention=convention("AttributionLocalisation", mask=MASK, added="1e-9 to the map's sum"),
            citation="Kohlbrenner et al. 2020, arXiv:1910.09840",
        ),
        Metric(
            name="quantus-lib-top-k-intersection",
            at="xaibench_quantus.localisation:top_k_intersection",
            summary="Quantus's TopKIntersection: share of the k highest pixels that are on the object; "
            "no forward",
            settings={"k": 1000},
            higher_is_better=True,
            range=(0.0, 1.0),
            needs=("region",),
            target="label",
            convention=convention(
                "TopKIntersection",
                mask=MASK,
                k="pixels of 224 x 224; of other sizes in proportion, rounded",
                ties=TIES,
            ),
            citation="Theiner et al. 2021, arXiv:2104.14995",
        ),
        Metric(
            name="quantus-lib-relevance-mass-accuracy",
            at="xaibench_quantus.localisation:relevance_mass_accuracy",
            summary="Quantus's RelevanceMassAccuracy: share of the map's sum on the object; no forward",
            higher_is_better=True,
            range=(0.0, 1.0),
            needs=("region",),
            target="label",
            convention=convention("RelevanceMassAccuracy", mask=MASK),
            citation=arras,
        ),
        Metric(
            name="quantus-lib-relevance-rank-accuracy",
            at="xaibench_quantus.localisation:relevance_rank_accuracy",
            summary="Quantus's RelevanceRankAccuracy: share of the highest pixels, as many as the "
            "object has, that are on it; no forward",
            higher_is_better=True,
            range=(0.0, 1.0),
            needs=("region",),
            target="label",
            convention=convention("RelevanceRankAccuracy", mask=MASK, ties=TIES),
            citation=arras,
        ),
        Metric(
            name="quantus-lib-auc",
            at="xaibench_quantus.localisation:auc",
            summary="Quantus's AUC: area under the ROC curve, the map a score of being on the object; "
            "no forward",
            higher_is_better=True,
            range=(0.0, 1.0),
            needs=("region",),
            target="label",
            convention=convention(
                "AUC", mask=MASK, **{"all of the image": "undefined, where the mask covers it"}
            ),
            citation="Fawcett 2006, Pattern Recognition Letters 27(8)",
        ),
    ]


def of_curves() -> list[Metric]:
    """Those that go on changing the image and watch the target."""
    needs = ("explainer",)
    return [
        Metric(
            name="quantus-lib-pixel-flipping",
            at="xaibench_quantus.faithfulness:pixel_flipping",
            summary="Quantus's PixelFlipping: area under the target probability, most salient values "
            "first; 147 forwards a map at 224 x 224",
            settings={"steps": 147},
            higher_is_better=False,
            range=(0.0, inf),
            needs=needs,
            convention=convention(
                "PixelFlipping",
                step=f"{FEATURES}1,024",
                order="values by the saliency of their pixel, descending",
                ties=TIES,
                to=LEAST,
                area=f"{AREA}; the untouched image is not on the curve",
            ),
            citation="Bach et al. 2015, PLOS ONE 10(7)",
        ),
        Metric(
            name="quantus-lib-region-perturbation",
            at="xaibench_quantus.faithfulness:region_perturbation",
            summary="Quantus's RegionPerturbation: area under the drop of the target probability, most "
            "salient patches first; 101 forwards a map",
            settings={"grid": 14, "regions": 100},
            higher_is_better=True,
            range=(-inf, inf),
            needs=needs,
            convention=convention(
                "RegionPerturbation",
                patch=PATCH,
                to=f"{LEAST}, so far",
                area=AREA,
                direction="larger drops are better, although Quantus 0.6.0 calls it lower",
            ),
            citation="Samek et al. 2016, arXiv:1509.06321",
        ),
        Metric(
            name="quantus-lib-selectivity",
            at="xaibench_quantus.faithfulness:selectivity",
            summary="Quantus's Selectivity: area under the target probability, most salient patches "
            "first; 196 forwards a map at 224 x 224",
            settings={"grid": 14},
            higher_is_better=False,
            range=(0.0, inf),
            needs=needs,
            convention=convention("Selectivity", patch=PATCH, to=f"{LEAST}, so far", area=AREA),
            citation="Montavon et al. 2018, arXiv:1706.07979",
        ),
    ]


def of_correlations() -> list[Metric]:
    """Those that hold the map against what the target does, change by change."""
    return [
        Metric(
            name="quantus-lib-faithfulness-correlation",
            at="xaibench_quantus.faithfulness:faithfulness_correlation",
            summary="Quantus's FaithfulnessCorrelation: saliency of random values against the logit's "
            "drop; 101 forwards a map",
            settings={"runs": 100},
            higher_is_better=True,
            range=(-1.0, 1.0),
            needs=("explainer",),
            convention=convention(
                "FaithfulnessCorrelation",
                constant="undefined, where either side is",
                similarity="Pearson's correlation",
                subset="floor(sqrt(H x W)) values, three a pixel; the same for all maps of an image",
                to=LEAST,
            ),
            citation="Bhatt et al. 2020, arXiv:2005.00631",
        ),
        Metric(
            name="quantus-lib-faithfulness-estimate",
            at="xaibench_quantus.faithfulness:faithfulness_estimate",
            summary="Quantus's FaithfulnessEstimate: saliency of values against the logit's drop; 148 "
            "forwards a map at 224 x 224",
            settings={"steps": 147},
            higher_is_better=True,
            range=(-1.0, 1.0),
            needs=("explainer",),
            convention=convention(
                "FaithfulnessEstimate",
                constant="undefined, where either side is",
                similarity="Pearson's correlation",
                step=f"{FEATURES}1,024",
                changed=ALONE,
                ties=TIES,
                to=LEAST,
            ),
            citation="Alvarez-Melis and Jaakkola 2018, arXiv:1806.07538",
        ),
        Metric(
            name="quantus-lib-monotonicity-correlation",
            at="xaibench_quantus.faithfulness:monotonicity_correlation",
            summary="Quantus's MonotonicityCorrelation: saliency of values against the spread of the "
            "probability as they vary; 241 forwards a map at 224 x 224",
            settings={"steps": 28, "samples": 10},
            higher_is_better=True,
            range=(-1.0, 1.0),
            needs=("explainer",),
            convention=convention(
                "MonotonicityCorrelation",
                constant="undefined, where either side is",
                similarity="Spearman's correlation",
                step=f"{FEATURES}6,272",
                changed=ALONE,
                ties=TIES,
                to="uniform in [0, 1) in normalised space, one number for the whole group",
            ),
            citation="Nguyen and Martinez 2020, arXiv:2007.07584",
        ),
    ]
