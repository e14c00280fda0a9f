"""From examples to trials: which classes of which images are asked about."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from xaibench.api.batch import UNLABELLED, Batch, Preprocess, Region, seed_of
from xaibench.api.types import Images
from xaibench.engine.images.pictures import Picture


@dataclass(frozen=True)
class Trial:
    """A class that one image is asked about.

    Args:
        picture: index of the image.
        target: the class.
        policies: why it is asked: it is "predicted", the "label", or both.
        region: where the class is; nowhere known for a predicted class that is no label.
    """

    picture: int
    target: int
    policies: frozenset[str]
    region: Region


def trials_of(
    pictures: Sequence[Picture], predicted: Sequence[int], policies: frozenset[str]
) -> list[Trial]:
    """Each class asked of each image, once, with every reason for asking.

    An image without a label is asked about its predicted class, of which nobody knows where it is.

    Args:
        pictures: readable images.
        predicted: the class with the highest logit of each.
        policies: those that some metric wants.
    """
    trials = []
    for i, picture in enumerate(pictures):
        pairs = zip(picture.examples, picture.regions, strict=True)
        nowhere = replace(picture.regions[0], boxes=(), mask=None)
        known = {
            predicted[i] if example.target == UNLABELLED else example.target: (
                nowhere if example.target == UNLABELLED else region
            )
            for example, region in pairs
        }
        for target in dict.fromkeys((predicted[i], *known)):
            reasons = {"predicted"} if target == predicted[i] else set()
            reasons |= {"label"} if target in known else set()
            if reasons & policies:
                region = known.get(target, nowhere)
                trials.append(Trial(i, target, frozenset(reasons & policies), region))
    return trials


def batch_of(
    pictures: Sequence[Picture],
    trials: Sequence[Trial],
    images: Images,
    preprocess: Preprocess,
    seed: int,
    predicted: Sequence[int],
) -> Batch:
    """The trials as a batch, on the device of `images`; `predicted` is of each image."""
    rows = torch.tensor([trial.picture for trial in trials], device=images.device)
    return Batch(
        ids=tuple(pictures[trial.picture].id for trial in trials),
        images=images[rows],
        targets=torch.tensor([trial.target for trial in trials], device=images.device),
        seeds=(seed_of(seed),) * len(trials),
        regions=tuple(trial.region for trial in trials),
        preprocess=preprocess,
        predicted=torch.tensor([predicted[trial.picture] for trial in trials], device=images.device),
    )


def settled(picture: Picture, logits: Tensor) -> Picture:
    """The picture, each example of several targets asking for that with the highest of (C,) logits."""
    examples = tuple(
        replace(example, target=max(example.targets, key=logits.tolist().__getitem__), targets=())
        if example.targets
        else example
        for example in picture.examples
    )
    return replace(picture, examples=examples)
