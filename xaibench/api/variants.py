"""How a method asks for forward passes: it says which images it wants scored.

The engine scores them, in full passes that it fills from all the methods that are asking.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from xaibench.api.types import Curves, Images, Indices

T = TypeVar("T")
Score = Literal["probability", "logit", "correct"]


@dataclass(frozen=True)
class Variants:
    """`count` variants of each image of the batch, and what about them is wanted.

    Args:
        build: `build(row, k)` makes variants k, (n,), of the batch's image `row`: (n, 3, H, W). It is
            called as a pass has room, for a part of the variants at a time.
        count: how many, the same for all images or one number an image.
        score: what comes back for the target class: its probability, its logit, or "correct": 1
            where it is the predicted one, else 0. Where images have different counts, the rest of a
            shorter curve is NaN.
        common: {k: name} of variants that do not depend on the method, such as the untouched
            image. What has the same name is scored once for all methods; "image" is the image.
        name: what all the variants are, such as "deletion 224", where other metrics may ask for the
            very same: metrics that score the same map share what has the same name.
        any_class: they depend on the image alone, not on the class that is asked about: an image asked
            about several classes is scored once for all of them.
    """

    build: Callable[[int, Indices], Images]
    count: int | Sequence[int]
    score: Score = "probability"
    common: Mapping[int, str] = field(default_factory=dict)
    name: str = ""
    any_class: bool = False


Asks = Generator[Variants, Curves, T]
