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
    at = "xaibench_quantus.complexity"
    return [
        Metric(
            name="quantus-lib-sparseness",
            at=f"{at}:sparseness",
            summary="Quantus's Sparseness: Gini coefficient; describes, and does not rank; no forward",
            ranks=False,
            higher_is_better=True,
            range=(0.0, 1.0),
            convention=convention("Sparseness", added="1e-7 to every pixel"),
            citation="Chalasani et al. 2020, arXiv:1810.06583",
        ),
        Metric(
            name="quantus-lib-complexity",
            at=f"{at}:complexity",
            summary="Quantus's Complexity: entropy in nats; describes, and does not rank; no forward",
            ranks=False,
            higher_is_better=False,
            range=(-1e-6, inf),  # of one pixel alone it is -ln(1 + 1e-12)
            convention=convention("Complexity", added="1e-12 to every share, within the logarithm"),
            citation="Bhatt et al. 2020, arXiv:2005.00631",
        ),
        Metric(
            name="quantus-lib-effective-complexity",
            at=f"{at}:effective_complexity",
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
    facts: list[tuple[str, str, str, dict[str, int], dict[str, str], str]] = [
        (
            "pointing-game",
            "PointingGame",
            "1 where one of the map's tied maxima is on the object, else 0",
            {},
            {},
            "Zhang et al. 2016, arXiv:1608.00507",
        ),
        (
            "attribution-localisation",
            "AttributionLocalisation",
            "share of the map's sum on the object",
            {},
            {"added": "1e-9 to the map's sum"},
            "Kohlbrenner et al. 2020, arXiv:1910.09840",
        ),
        (
            "top-k-intersection",
            "TopKIntersection",
            "share of the k highest pixels that are on the object",
            {"k": 1000},
            {"k": "pixels of 224 x 224; of other sizes in proportion, rounded", "ties": TIES},
            "Theiner et al. 2021, arXiv:2104.14995",
        ),
        (
            "relevance-mass-accuracy",
            "RelevanceMassAccuracy",
            "share of the map's sum on the object",
            {},
            {},
            arras,
        ),
        (
            "relevance-rank-accuracy",
            "RelevanceRankAccuracy",
            "share of the highest pixels, as many as the object has, that are on it",
            {},
            {"ties": TIES},
            arras,
        ),
        (
            "auc",
            "AUC",
            "area under the ROC curve, the map a score of being on the object",
            {},
            {"all of the image": "undefined, where the mask covers it"},
            "Fawcett 2006, Pattern Recognition Letters 27(8)",
        ),
    ]
    return [
        Metric(
            name=f"quantus-lib-{name}",
            at=f"xaibench_quantus.localisation:{name.replace('-', '_')}",
            summary=f"Quantus's {kind}: {what}; no forward",
            settings=settings,
            higher_is_better=True,
            range=(0.0, 1.0),
            needs=("region",),
            target="label",
            convention=convention(kind, mask=MASK, **choices),
            citation=citation,
        )
        for name, kind, what, settings, choices, citation in facts
    ]


def of_curves() -> list[Metric]:
    """Those that go on changing the image and watch the target."""
    at = "xaibench_quantus.faithfulness"
    needs = ("explainer",)
    return [
        Metric(
            name="quantus-lib-pixel-flipping",
            at=f"{at}:pixel_flipping",
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
            at=f"{at}:region_perturbation",
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
            at=f"{at}:selectivity",
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
    at = "xaibench_quantus.faithfulness"
    facts: list[tuple[str, str, str, dict[str, int], dict[str, str], str]] = [
        (
            "faithfulness-correlation",
            "FaithfulnessCorrelation",
            "saliency of random values against the logit's drop; 101 forwards a map",
            {"runs": 100},
            {
                "similarity": "Pearson's correlation",
                "subset": "floor(sqrt(H x W)) values, three a pixel; the same for all maps of an image",
                "to": LEAST,
            },
            "Bhatt et al. 2020, arXiv:2005.00631",
        ),
        (
            "faithfulness-estimate",
            "FaithfulnessEstimate",
            "saliency of values against the logit's drop; 148 forwards a map at 224 x 224",
            {"steps": 147},
            {
                "similarity": "Pearson's correlation",
                "step": f"{FEATURES}1,024",
                "changed": ALONE,
                "ties": TIES,
                "to": LEAST,
            },
            "Alvarez-Melis and Jaakkola 2018, arXiv:1806.07538",
        ),
        (
            "monotonicity-correlation",
            "MonotonicityCorrelation",
            "saliency of values against the spread of the probability as they vary; "
            "241 forwards a map at 224 x 224",
            {"steps": 28, "samples": 10},
            {
                "similarity": "Spearman's correlation",
                "step": f"{FEATURES}6,272",
                "changed": ALONE,
                "ties": TIES,
                "to": "uniform in [0, 1) in normalised space, one number for the whole group",
            },
            "Nguyen and Martinez 2020, arXiv:2007.07584",
        ),
    ]
    return [
        Metric(
            name=f"quantus-lib-{name}",
            at=f"{at}:{name.replace('-', '_')}",
            summary=f"Quantus's {kind}: {what}",
            settings=settings,
            higher_is_better=True,
            range=(-1.0, 1.0),
            needs=("explainer",),
            convention=convention(kind, constant="undefined, where either side is", **choices),
            citation=citation,
        )
        for name, kind, what, settings, choices, citation in facts
    ]
