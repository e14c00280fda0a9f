"""Which images are trained on and which are held out, each class in the same proportion."""

from dataclasses import dataclass

import torch
from sklearn.model_selection import StratifiedKFold
from torch import Tensor

from xaibench.api.batch import seed_of
from xaibench.api.errors import ConfigError


@dataclass(frozen=True)
class Split:
    """Rows to train on and rows held out; none in both."""

    train: Tensor
    held_out: Tensor


def split(targets: Tensor, share: float, rows: Tensor | None = None) -> Split:
    """Hold out a share of each class's rows; the draw is always the same.

    Args:
        targets: (N,), the class of each row.
        share: between 0 and 1; of a class with two rows or more, at least one is on either side.
        rows: those to be split; all where not given.

    Raises:
        ConfigError: nothing is left on one of the two sides.
    """
    rows = torch.arange(len(targets)) if rows is None else rows
    sides: tuple[list[Tensor], list[Tensor]] = ([], [])
    for target in targets[rows].unique().tolist():
        own = rows[targets[rows] == target]
        generator = torch.Generator().manual_seed(seed_of("held out", target))
        own = own[torch.randperm(len(own), generator=generator)]
        held = min(max(1, round(share * len(own))), len(own) - 1)
        sides[0].append(own[held:])
        sides[1].append(own[:held])
    train, held_out = (torch.cat(side).sort().values for side in sides)
    if not len(train) or not len(held_out):
        raise ConfigError(f"{len(rows)} images are too few to hold some out; give a larger --limit")
    return Split(train, held_out)


def folds_of(targets: Tensor, folds: int, seed: int) -> list[Split]:
    """Return stratified folds, in which each row is held out once.

    Raises:
        ConfigError: fewer than two folds, or a class has fewer rows than folds.
    """
    if folds < 2:
        raise ConfigError(f"folds is {folds}; it must be at least 2")
    classes, counts = targets.unique(return_counts=True)
    least = int(counts.argmin())
    if counts[least] < folds:
        raise ConfigError(
            f"class {int(classes[least])} has {int(counts[least])} images; {folds} folds need {folds} "
            "of each class; give fewer --folds or a larger --limit"
        )
    splits = StratifiedKFold(folds, shuffle=True, random_state=seed).split(targets, targets)
    return [Split(torch.from_numpy(train), torch.from_numpy(held)) for train, held in splits]
