"""Metrics broken on purpose, each in one way: how bright the image is where the map is high."""

import torch
from zoo_explainers import Broken

from xaibench.api import Metric
from xaibench.api.scored import Scored
from xaibench.api.variants import Variants

KEPT: list[torch.Tensor] = []


def weighed(maps, batch):
    """Mean brightness, weighed with the map, squeezed into [0, 1]; undefined for an empty map."""
    sums = maps.sum((1, 2))
    shares = (maps * batch.images.mean(1)).sum((1, 2)) / sums
    flat = {i: "the map is empty" for i in (sums == 0).nonzero().flatten().tolist()}
    return Scored(torch.sigmoid(shares), undefined=flat)


def scores_of(maps, batch):
    return weighed(maps, batch).scores.nan_to_num(0.5)


def asking(maps, batch):
    """The target's probability behind the map."""
    scores = yield Variants(lambda row, k: (batch.images[row] * maps[row]).expand(len(k), -1, -1, -1), 1)
    return scores[:, 0]


def two_numbers(maps, batch):
    return torch.stack([scores_of(maps, batch)] * 2, 1)


def a_mean(maps, batch):
    return scores_of(maps, batch).mean()


def whole_numbers(maps, batch):
    return scores_of(maps, batch).long()


def out_of_range(maps, batch):
    return 2 + scores_of(maps, batch)


def silent_nan(maps, batch):
    return weighed(maps, batch).scores


def guesses(maps, batch):
    found = weighed(maps, batch)
    return Scored(found.scores.nan_to_num(0.0), undefined=found.undefined)


def never_knows(maps, batch):
    nothing = torch.full((len(maps),), torch.nan, dtype=maps.dtype)
    return Scored(nothing, undefined=dict.fromkeys(range(len(maps)), "a library refuses colours"))


def against_the_mean(maps, batch):
    found = scores_of(maps, batch)
    return torch.sigmoid(found - found.mean())


def draws(maps, batch):
    return (scores_of(maps, batch) + torch.rand(len(maps))) / 2


def writes_maps(maps, batch):
    return scores_of(maps.mul_(0.5), batch)


def writes_images(maps, batch):
    batch.images.sub_(0)
    return scores_of(maps, batch)


def of_values(maps, batch):
    return scores_of(maps, batch)


def upside_down(maps, batch):
    return scores_of(maps, batch)


def by_the_width_of_passes(maps, batch):
    images = batch.images

    def build(row, k):
        return images[row] * torch.linspace(0.2, 1, len(k)).to(images)[:, None, None, None]

    scores = yield Variants(build, 3)
    return scores.mean(1)


def leaks(maps, batch):
    KEPT.append(maps * 2)
    return scores_of(maps, batch)


class Unsuperseded(Metric):
    """It gets around what a Metric checks itself."""

    def __post_init__(self):
        pass


HEALTHY_METRICS = ("weighed", "asking")
METRICS = {
    "missing": Broken(("loads",), "has no attribute 'missing'", {}),
    "two_numbers": Broken(("one-number-an-image",), r"\(3,\), one number an image\n.*\(3, 2\)", {}),
    "a_mean": Broken(("one-number-an-image",), r"\(3,\), one number an image\n.*found:    \(\)", {}),
    "whole_numbers": Broken(("one-number-an-image",), r"floating-point numbers\n.*torch.int64", {}),
    "out_of_range": Broken(("range",), r"scores from 0 to 1\n  found:    2\.", {}),
    "silent_nan": Broken(("undefined-with-reason",), r"nan of map 1 without one", {}),
    "guesses": Broken(("undefined-with-reason",), r"NaN where a score is undefined\n.*0.0 at 1", {}),
    "never_knows": Broken(("scores-something",), r"none: a library refuses colours", {}),
    "against_the_mean": Broken(
        ("batch-equals-loop", "direction"), r"of maps \[2, 0\], without ties", {}
    ),
    "draws": Broken(("deterministic",), r"draw from `batch.generators\(...\)`", {}),
    "writes_maps": Broken(("maps-unwritten",), r"maps was written to in place", {}),
    "writes_images": Broken(("maps-unwritten",), r"batch.images was written to in place, 1 times", {}),
    "of_values": Broken(
        ("order-only",), r"an increasing function of the map", {"traits": ("order-only",)}
    ),
    "upside_down": Broken(
        ("direction",), r"a lower score for the map of all that", {"higher_is_better": False}
    ),
    "by_the_width_of_passes": Broken(
        ("batch-equals-loop", "pass-width"), r"the same score for a map alone", {}
    ),
    "leaks": Broken(("memory",), r"bytes of tensors more are alive", {}),
    "misspelt": Broken(("facts",), r"'boxes'", {"needs": ("boxes",)}),
    "wordless": Broken(("facts",), r"`convention`: what the number means", {"convention": {}}),
    "empty_range": Broken(("facts",), r"a range from its least", {"range": (1.0, 0.0)}),
    "unsuperseded": Broken(("supersedes",), r"what it mends of the version before", {"version": 2}),
}


def metric(name: str, facts: dict) -> Metric:
    """The spec of one of the zoo."""
    own = name not in ("misspelt", "wordless", "empty_range", "unsuperseded")
    usual = {"higher_is_better": True, "range": (0.0, 1.0), "convention": {"score": "a toy"}}
    kind = Unsuperseded if name == "unsuperseded" else Metric
    return kind(name=name, at=f"zoo_metrics:{name if own else 'weighed'}", **{**usual, **facts})
