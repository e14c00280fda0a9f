"""A model and a data set must speak of the same classes."""

from collections.abc import Sequence

from xaibench.api.batch import Example
from xaibench.api.errors import Unsupported
from xaibench.engine.plan.plan import Block


def refuse_other_classes(block: Block, known: str = "") -> None:
    """A model and a data set must speak of the same classes.

    Args:
        block: the two.
        known: the model's label space, where its weights say so.

    Raises:
        Unsupported: they do not.
    """
    ours, theirs = known or block.model.classes, block.dataset.classes
    if ours and theirs and ours != theirs:
        raise Unsupported(
            f"model {block.model.name!r} knows the classes of {ours!r}, and data set "
            f"{block.data_name!r} asks for those of {theirs!r}"
        )


def refuse_classes_beyond(classes: int, examples: Sequence[Example], block: Block) -> None:
    """A data set that names no label space may still ask for a class that the model has not.

    Raises:
        Unsupported: it does; names the first such image.
    """
    for example in examples:
        if max(asked_of(example)) >= classes:
            raise Unsupported(
                f"data set {block.data_name!r} asks of image {example.id!r} for class "
                f"{max(asked_of(example))}; model {block.model.name!r} has classes 0 to {classes - 1}"
            )


def asked_of(example: Example) -> tuple[int, ...]:
    """Every class that an example may ask for."""
    return (example.target, *example.targets)
