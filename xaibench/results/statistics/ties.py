"""Ties: shared ranks, and letters of the explainers that do not differ significantly."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from xaibench.results.arrays import ByImage, Each, Flags, Pairs, Square, Vector
from xaibench.results.statistics.score_matrix import Paired
from xaibench.results.statistics.significance import ALPHA, friedman, holm, signed_rank

HALF = 0.5


@dataclass(frozen=True)
class Ties:
    """The significant differences between the explainers of one comparison.

    Args:
        explainers: by name.
        ranks: 1 + how many are significantly better; NaN for one without scores.
        letters: explainers that share one cannot be told apart; "" for one without scores.
        p: of each pair, corrected by Holm over all pairs; NaN where there is nothing to test.
        better: whether the row's is significantly better than the column's.
        friedman: p of Friedman's test over images that all have scores of.
        images: those, how many.
        left_out: other images, how many.
    """

    explainers: tuple[str, ...]
    ranks: Each
    letters: tuple[str, ...]
    p: Square
    better: Pairs
    friedman: float
    images: int
    left_out: int


def ties_of(cell: Paired) -> Ties:
    """Test one metric: pairs on the classes that both have scores of, Friedman's on those of all."""
    turn = 1 if cell.higher_is_better else -1

    def gains(one: int, other: int) -> Vector:
        first, second = cell.common(one, other)
        gain: Vector = turn * (first - second)
        return gain

    return ties(cell.explainers, block_means(cell), cell.goodness, gains)


def block_means(cell: Paired) -> ByImage:
    """Return each image's mean score, turned so that more is better, over trials comparable for all.

    Trials that some explainer lacks are left out for all, so that an image's scores are of the same
    classes; an explainer that lacks more than half of them leaves out nothing for the others.
    """
    kept = comparable(cell.scores)
    complete = ~np.isnan(cell.scores[:, kept]).any(1, keepdims=True)
    means = cell.mean_of(np.where(complete, cell.scores, np.nan))
    return means if cell.higher_is_better else np.negative(means)


def comparable(scores: ByImage) -> Flags:
    """Return which columns have scores, and at least half as many as the fullest one."""
    known = (~np.isnan(scores)).sum(0)
    enough: Flags = (known > 0) & (known >= HALF * known.max(initial=0))
    return enough


def ties(
    explainers: Sequence[str],
    blocks: ByImage,
    goodness: Each,
    gains: Callable[[int, int], Vector],
    alpha: float = ALPHA,
) -> Ties:
    """Test by Friedman over images, then by Wilcoxon for all pairs with Holm's correction (Demsar 2006).

    Where Friedman's test does not reject, nobody can be told apart. One explainer is better than
    another where their pair is significant and the signed ranks point the same way as `goodness`.

    Args:
        explainers: by name.
        blocks: scores of images; NaN where there is none.
        goodness: by what the explainers stand in order, more is better; NaN last, without a rank.
        gains: how much better one explainer is than another, by their columns, an image each.
        alpha: level of the tests.
    """
    kept = comparable(blocks)
    complete = ~np.isnan(blocks[:, kept]).any(1) & bool(kept.any())
    gate = friedman(blocks[np.ix_(complete, kept)])
    p, better = pairs_of(gains, goodness, alpha)
    if gate > alpha:
        better = np.zeros_like(better)
    scored = ~np.isnan(goodness)
    order = [int(i) for i in np.argsort(-goodness, kind="stable") if scored[i]]
    return Ties(
        explainers=tuple(explainers),
        ranks=np.where(scored, 1.0 + better.sum(0), np.nan),
        letters=letters(better | better.T, order),
        p=p,
        better=better,
        friedman=gate,
        images=int(complete.sum()),
        left_out=int((~complete).sum()),
    )


def pairs_of(gains: Callable[[int, int], Vector], goodness: Each, alpha: float) -> tuple[Square, Pairs]:
    """Return Holm's p of all pairs, and whether the row's explainer is better than the column's."""
    count = len(goodness)
    pairs = list(combinations(range(count), 2))
    tests = [signed_rank(gains(i, j)) for i, j in pairs]
    corrected = holm(np.array([test.p for test in tests], dtype=float))
    p = np.full((count, count), np.nan)
    better = np.zeros((count, count), dtype=bool)
    for (i, j), test, value in zip(pairs, tests, corrected, strict=True):
        p[i, j] = p[j, i] = value
        if value <= alpha and test.sign == np.sign(goodness[i] - goodness[j]):
            better[(i, j) if test.sign > 0 else (j, i)] = True
    return p, better


def letters(apart: Pairs, order: Sequence[int]) -> tuple[str, ...]:
    """Return a compact letter display (Piepho 2004): explainers that do not differ share a letter.

    Args:
        apart: which pairs can be.
        order: best first; who is not in it gets no letter.
    """
    ties = ["" for _ in apart]
    together = sorted(sorted(order.index(i) for i in group) for group in cliques(~apart, order))
    for number, group in enumerate(together):
        for place in group:
            ties[order[place]] += letter(number)
    return tuple(ties)


def cliques(linked: Pairs, members: Sequence[int]) -> Iterator[frozenset[int]]:
    """Yield all maximal sets of pairwise linked members. Bron and Kerbosch 1973, with pivots."""
    neighbours = {i: {j for j in members if j != i and linked[i, j]} for i in members}

    def grow(inside: set[int], open_to: set[int], done: set[int]) -> Iterator[frozenset[int]]:
        if not open_to and not done:
            yield frozenset(inside)
            return
        pivot = max(open_to | done, key=lambda i: len(neighbours[i] & open_to))
        for i in sorted(open_to - neighbours[pivot]):
            yield from grow(inside | {i}, open_to & neighbours[i], done & neighbours[i])
            open_to = open_to - {i}
            done = done | {i}

    if members:
        yield from grow(set(), set(members), set())


def letter(number: int) -> str:
    """Return the letter of a number: a to z, then a1 to z1, a2, ..."""
    turn, place = divmod(number, 26)
    return chr(ord("a") + place) + (str(turn) if turn else "")


def letters_in(tie: str) -> list[str]:
    """Return the letters of a tie one by one; after z each has a number behind it."""
    letters: list[str] = []
    for sign in tie:
        if sign.isdigit() and letters:
            letters[-1] += sign
        else:
            letters.append(sign)
    return letters


def ties_frame(cell: Paired) -> pd.DataFrame:
    """Return one row per explainer: rank, tie, friedman_p, images and left_out of its metric."""
    tested = ties_of(cell)
    return pd.DataFrame(
        {
            **cell.facts,
            "explainer": tested.explainers,
            "value": cell.values,
            "rank": tested.ranks,
            "tie": tested.letters,
            "friedman_p": tested.friedman,
            "images": tested.images,
            "left_out": tested.left_out,
            "reason": cell.reasons,
        }
    )
