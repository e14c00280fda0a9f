"""What a metric returns where a number an image does not say it all."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from xaibench.api.types import Curves, Scores


@dataclass(frozen=True)
class Scored:
    """Scores, and what is behind them.

    Args:
        scores: (B,), NaN where a score is undefined.
        curves: (B, n), what the scores were made of, kept in the rows: the target's probability at
            each step of a deletion, for example. NaN where there is none; at the end it is left out.
        undefined: why a score is NaN, by its place in the batch: "the mask is empty", for example.
        remarks: what is to be known of a score that is there, by its place: "41 of 225 steps", for
            example. It becomes the row's reason.
    """

    scores: Scores
    curves: Curves | None = None
    undefined: Mapping[int, str] = field(default_factory=dict)
    remarks: Mapping[int, str] = field(default_factory=dict)
