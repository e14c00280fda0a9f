"""Metrics that change the image and watch the target; no torch in here."""

from math import inf

from xaibench.api import Metric
from xaibench_metrics.conventions import (
    ADAPTIVE,
    BLACKENED,
    CELLS,
    CHATTOPADHAY,
    CHEFER,
    CURVE,
    DELETION,
    FERNANDEZ,
    FLIPPING,
    GILDENBLAT,
    HEDSTROEM,
    INFIDELITY,
    INSERTION,
    MASKED,
    ONTO_BLACK,
    PETSIUK,
    REMOVAL,
    RONG,
    SHARE,
    TOP_HALF,
    WANG,
    YEH,
    ZHANG,
    Convention,
    with_choices,
)

RANKS = ("order-only",)


def faithfulness() -> list[Metric]:
    """Kin of insertion and deletion, masking, removal, perturbation, infidelity, peers' presets."""
    return [*curves(), *adaptive(), *masking(), *removal(), *noise(), *of_peers()]


def curves() -> list[Metric]:
    """Differences, normalised areas, cells and Score-CAM's steps."""
    at = "xaibench_metrics.insertion_deletion"
    found = []
    for suffix, steps in (("", 224), ("-28", 28)):
        settings = {"steps": steps}
        found += [
            Metric(
                name=f"insertion-deletion{suffix}",
                at=f"{at}:insertion_deletion",
                summary="insertion's area minus deletion's; no forwards but those two's, "
                f"{2 * steps + 2} a map",
                settings=settings,
                higher_is_better=True,
                range=(-1.0, 1.0),
                convention=with_choices(
                    CURVE, difference="insertion minus deletion, each by its convention"
                ),
                citation=PETSIUK,
                traits=RANKS,
            ),
            *(
                Metric(
                    name=f"{name}-normalised{suffix}",
                    at=f"{at}:{name}_normalised",
                    summary=f"{name}'s area between its two ends; {steps + 1} forwards a map, shared",
                    settings=settings,
                    higher_is_better=name == "insertion",
                    range=(-inf, inf),
                    convention=with_choices(convention, **SHARE),
                    citation=PETSIUK,
                    traits=RANKS,
                )
                for name, convention in (("insertion", INSERTION), ("deletion", DELETION))
            ),
        ]
    for name, convention in (("insertion", INSERTION), ("deletion", DELETION)):
        higher = name == "insertion"
        found.append(
            Metric(
                name=f"{name}-grid",
                at=f"{at}:{name}",
                summary="the same by cells of 14 x 14 rather than pixels; 197 forwards a map",
                settings={"steps": 196, "grid": 14},
                higher_is_better=higher,
                range=(0.0, 1.0),
                convention=with_choices(convention, **CELLS),
                citation=PETSIUK,
            )
        )
        found.append(
            Metric(
                name=f"{name}-1pc",
                at=f"{at}:{name}",
                summary="Score-CAM's variant, 1 % a step, between zeros and image; 101 forwards a map",
                settings={"steps": 100} | ({"start": "grey"} if higher else {}),
                higher_is_better=higher,
                range=(0.0, 1.0),
                convention=with_choices(INSERTION, **{"from": DELETION["to"]}) if higher else DELETION,
                citation=WANG,
                traits=RANKS,
            )
        )
    return found


def adaptive() -> list[Metric]:
    """Insertion and deletion from as many of their steps as a bound on the area's error takes."""
    return [
        Metric(
            name=f"{name}-adaptive",
            at=f"xaibench_metrics.adaptive:{name}_adaptive",
            summary=f"{name}'s area to within 0.02, under an assumption, from those of its 224 "
            "steps where the curve bends; 29 to 225 forwards a map",
            settings={"steps": 224, "coarse": 28, "tolerance": 0.02},
            higher_is_better=name == "insertion",
            range=(0.0, 1.0),
            convention=with_choices(convention, **ADAPTIVE),
            traits=RANKS,
            citation=PETSIUK,
        )
        for name, convention in (("insertion", INSERTION), ("deletion", DELETION))
    ]


def masking() -> list[Metric]:
    """Average drop, increase and gain; with black, and with the top half of the map."""
    at = "xaibench_metrics.masking:average_"
    formulas = {
        "drop": ("max(0, Y - O) / Y; undefined where Y is 0", False, CHATTOPADHAY),
        "increase": ("1 where O > Y, strictly, else 0", True, CHATTOPADHAY),
        "gain": ("max(0, O - Y) / (1 - Y); 0 where 1 - Y is below 1e-7", True, ZHANG),
    }
    presets: list[tuple[str, str, dict[str, str | int], Convention, tuple[str, ...]]] = [
        ("", "the image times its map", {}, MASKED, ("drop", "increase", "gain")),
        (
            "-black",
            "the image times its map, in colours",
            {"onto": "black"},
            with_choices(MASKED, masking=ONTO_BLACK),
            ("drop", "increase", "gain"),
        ),
        (
            "-50",
            "the image times the top half of its map",
            {"keep": 50},
            with_choices(MASKED, top=TOP_HALF),
            ("drop", "increase"),
        ),
    ]
    return [
        Metric(
            name=f"average-{kind}{suffix}",
            at=f"{at}{kind}",
            summary=f"{kind} of the target probability on {what}; 1 forward a map, shared",
            settings=settings,
            higher_is_better=formulas[kind][1],
            range=(0.0, 1.0),
            convention=with_choices(convention, formula=formulas[kind][0]),
            citation=WANG if suffix == "-50" else formulas[kind][2],
        )
        for suffix, what, settings, convention, kinds in presets
        for kind in kinds
    ]


def removal() -> list[Metric]:
    """ROAD and its halves; Chefer's perturbation test."""
    road = (
        ("morf", "most relevant first; 9 forwards a map", False, (0.0, 1.0)),
        ("lerf", "least relevant first; 9 forwards a map", True, (0.0, 1.0)),
        ("road", "(LeRF - MoRF) / 2; no forwards but theirs, 18 a map", True, (-0.5, 0.5)),
    )
    blackened = (
        ("positive-perturbation", "most salient first", False),
        ("negative-perturbation", "least salient first", True),
    )
    return [
        *(
            Metric(
                name=name,
                at=f"xaibench_metrics.road:{name}",
                summary=f"target probability as pixels are removed and filled in, {what}",
                settings={"noise": 0.01},
                higher_is_better=higher,
                range=span,
                convention=with_choices(REMOVAL, formula=what.split(";")[0]),
                citation=RONG,
                traits=RANKS,
            )
            for name, what, higher, span in road
        ),
        *(
            Metric(
                name=name,
                at=f"xaibench_metrics.perturbation:{name.replace('-', '_')}",
                summary=f"accuracy as pixels are blackened, {what}; 9 forwards a map",
                higher_is_better=higher,
                range=(0.0, 1.0),
                target="label",
                convention=with_choices(BLACKENED, first=what),
                citation=CHEFER,
                traits=RANKS,
            )
            for name, what, higher in blackened
        ),
    ]


def noise() -> list[Metric]:
    """Infidelity, of the probability and of the logit."""
    return [
        Metric(
            name=f"infidelity{suffix}",
            at="xaibench_metrics.infidelity:infidelity",
            summary=f"how far the map is from telling changes of the {score} under noise; "
            "50 forwards an image, shared by all maps",
            settings={"samples": 50, "sigma": 0.2, "score": score},
            higher_is_better=False,
            range=(0.0, inf),
            convention=with_choices(INFIDELITY, score=f"f is the {said}"),
            citation=YEH,
        )
        for suffix, score, said in (
            ("", "probability", "softmax probability of the target class"),
            ("-logit", "logit", "logit of the target class"),
        )
    ]


def of_peers() -> list[Metric]:
    """Other libraries' conventions, by name, for comparison."""
    plain = {k: v for k, v in MASKED.items() if k != "score"}
    percentiles = "what is not below the map's percentiles 10, 20, ... 90 goes, ties together"
    return [
        *(
            Metric(
                name=f"pytorch-grad-cam-drop{suffix}",
                at="xaibench_metrics.masking:plain_drop",
                summary=f"its DropInConfidence on the {score}: not divided by it; 1 forward a map",
                settings={"score": score},
                higher_is_better=False,
                range=span,
                convention=with_choices(plain, score=f"target's {score}", formula="max(0, Y - O)"),
                citation=GILDENBLAT,
            )
            for suffix, score, span in (
                ("", "probability", (0.0, 1.0)),
                ("-logit", "logit", (0.0, inf)),
            )
        ),
        Metric(
            name="pytorch-grad-cam-road",
            at="xaibench_metrics.road:percentile_road",
            summary="its ROADCombined: thresholds instead of counts of pixels; 18 forwards a map",
            settings={"noise": 0.01},
            higher_is_better=True,
            range=(-0.5, 0.5),
            convention=with_choices(
                REMOVAL,
                levels=percentiles,
                order="none: pixels of one value go together; where all do, the mean colour is left",
            ),
            citation=GILDENBLAT,
        ),
        Metric(
            name="torchcam-average-drop",
            at="xaibench_metrics.masking:damped_drop",
            summary="its drop, of softmax probabilities; 1 forward a map, shared",
            settings={"score": "probability"},
            higher_is_better=False,
            range=(0.0, 1.0),
            convention=with_choices(MASKED, formula="max(0, Y - O) / (Y + 1e-7)"),
            citation=FERNANDEZ,
        ),
        Metric(
            name="torchcam-average-increase",
            at="xaibench_metrics.masking:average_increase",
            summary="its increase, of softmax probabilities; 1 forward a map, shared",
            higher_is_better=True,
            range=(0.0, 1.0),
            convention=with_choices(MASKED, formula="1 where O > Y, strictly, else 0"),
            citation=FERNANDEZ,
        ),
        Metric(
            name="quantus-pixel-flipping",
            at="xaibench_metrics.pixel_flipping:pixel_flipping",
            summary="its PixelFlipping, area not normalised, 1,024 values a step; "
            "147 forwards a map at 224 x 224",
            settings={"features": 1024},
            higher_is_better=False,
            range=(0.0, inf),
            convention=FLIPPING,
            citation=HEDSTROEM,
            traits=RANKS,
        ),
    ]
