"""What metrics' numbers mean, choice by choice, and whose they are; no torch in here."""

from collections.abc import Mapping
from types import MappingProxyType

PETSIUK = "Petsiuk et al. 2018, arXiv:1806.07421"
WANG = "Wang et al. 2020, arXiv:1910.01279"
CHATTOPADHAY = "Chattopadhay et al. 2018, arXiv:1710.11063"
ZHANG = "Zhang et al. 2023, arXiv:2301.07002"
RONG = "Rong et al. 2022, arXiv:2202.00449"
CHEFER = "Chefer et al. 2021, arXiv:2012.09838"
YEH = "Yeh et al. 2019, arXiv:1901.09392"
GILDENBLAT = "Gildenblat and contributors, pytorch-grad-cam"
FERNANDEZ = "Fernandez, torch-cam"
HEDSTROEM = "Hedstroem et al. 2023, arXiv:2202.06861; Bach et al. 2015, PLOS ONE 10(7)"

Convention = Mapping[str, str]


def with_choices(convention: Convention, **choices: str) -> Convention:
    """A convention with some choices made otherwise, or more of them."""
    return MappingProxyType({**convention, **choices})


CURVE = MappingProxyType(
    {
        "score": "softmax probability of the target class",
        "order": "pixels by saliency, descending, all colours together; ties in seeded random order",
        "step": "ceil(H * W / steps) pixels, the last step what is left",
        "area": "trapezoids on [0, 1], both ends included",
    }
)
DELETION = with_choices(CURVE, **{"from": "image", "to": "zeros in normalised space (grey)"})
INSERTION = with_choices(
    CURVE,
    **{"from": "image blurred in normalised space, 11 x 11, sigma 5 reflected in the window"},
    to="image",
)
CELLS: dict[str, str] = {
    "order": "cells of a grid by mean saliency, descending; ties in seeded random order",
    "grid": "14 x 14, or as many as there are pixels; pixel y of H lies in cell floor(14 y / H)",
    "step": "one cell",
}
ADAPTIVE: dict[str, str] = {
    "evaluated": "a grid of coarse + 1 steps; then, round by round, the middles of the intervals with "
    "the largest bounds, until the bounds add up to the tolerance at most",
    "area": "trapezoids between the steps evaluated, on [0, 1], both ends included",
    "bound": "of an interval that leaves out m of n steps: m r / n, r how far the range of the four "
    "steps evaluated around it reaches from the mean of its ends; it holds where no step left out "
    "scores beyond those four, as on a monotone curve, and is no bound elsewhere",
    "certain": "of such an interval, whatever its steps score: m max(c, 1 - c) / n, c its ends' mean",
    "row": "steps evaluated, bound and certain bound are its reason; its curve is NaN at other steps",
}
SHARE: dict[str, str] = {
    "normalised": "(area - foot) / (top - foot); top: of the image, foot: of the curve's other end; "
    "beyond 0 and 1 where the curve leaves its ends' range, reversed where the foot is above the top",
    "same ends": "undefined, where they are within 1e-6 of the larger",
}
MASKED = MappingProxyType(
    {
        "score": "softmax probability: Y of the image, O of the image times the map",
        "map": "upsampled, then min-max to [0, 1]; a flat map is all zeros",
        "masking": "in normalised space: what the map takes away becomes the mean colour",
    }
)
ONTO_BLACK = "in colours of [0, 1], normalised afterwards: what the map takes away becomes black"
TOP_HALF = "the half of the pixels with the most saliency keeps it, ties in seeded random order; else 0"
REMOVAL = MappingProxyType(
    {
        "score": "softmax probability of the target class, mean over the levels",
        "levels": "10, 20, ... 90 % of the pixels, rounded to the nearest pixel; one at least stays",
        "order": "by saliency, all colours together; ties in seeded random order",
        "imputation": "a removed pixel is the mean of its 8 neighbours, 1/6 straight and 1/12 diagonal, "
        "those outside left out: the linear system, solved for each colour",
        "noise": "Gaussian of 0.01 in normalised units on removed pixels, drawn once for each image",
    }
)
BLACKENED = MappingProxyType(
    {
        "score": "1 where the target has the highest logit, else 0: top-1 accuracy for the label",
        "levels": "mean over 10, 20, ... 90 % of the pixels, rounded down",
        "order": "by saliency, all colours together; ties in seeded random order",
        "to": "black: 0 in colours of [0, 1], normalised afterwards",
        "target": "the label, which is explained and has to be predicted",
    }
)
INFIDELITY = MappingProxyType(
    {
        "noise": "I Gaussian of 0.2 in normalised units, 50 draws, the same for all maps of an image",
        "formula": "mean of (beta <I, map> - (f(x) - f(x - I)))^2, the map the same for all colours",
        "scale": "beta by least squares, as a map has no units",
        "flat map": "undefined",
    }
)
FLIPPING = MappingProxyType(
    {
        "score": "softmax probability of the target class",
        "order": "values by the saliency of their pixel, descending; ties, such as a pixel's colours, "
        "as numpy.argsort leaves them",
        "from": "the image after the first step; the untouched image is not on the curve",
        "to": "the least value that the normalised image has anywhere",
        "step": "1,024 values, of three a pixel (features_in_step; the library's default is 1)",
        "area": "trapezoids of width 1 a step: it grows with the number of steps",
    }
)
