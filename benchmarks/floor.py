"""What no preparation of a network can spare: its products alone, over the limit of a plain forward.

    python benchmarks/floor.py [--rounds 5] [--write]

One pass of the prepared copy is recorded, operator by operator. Its matrix products and convolutions are
then run alone, on the same tensors, and once more with attention; what stands between that and the whole
pass is all that a preparation can still take away. As another way to the same product, each float32
matrix is split into two bfloat16 ones, of which three products are added: their time without splitting
and adding, and how far they are off. With --write, the table goes to docs/speed.md.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any

import torch
from limit import Limit
from marked_blocks import put, table
from stages import MODELS, PAGE, spread
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from work import Work, conditions, load

from xaibench.engine.width import best_width

PRODUCTS = ("linear", "conv2d", "_linear_pointwise", "_convolution_pointwise")
IMAGES = 16


@dataclass(frozen=True)
class Call:
    """An operator as it was called in a pass."""

    name: str
    run: Callable[[], Any]
    tensors: tuple[Tensor, ...]


@dataclass
class Recorded(TorchDispatchMode):
    """Every operator that PyTorch dispatches while this is entered."""

    calls: list[Call] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        name = func.overloadpacket.__name__
        tensors = tuple(value for value in args if isinstance(value, Tensor))
        self.calls.append(Call(name, partial(func, *args, **given), tensors))
        return func(*args, **given)


def recorded(work: Work, width: int) -> list[Call]:
    """The operators of one pass of the prepared copy."""
    found = Recorded()
    with torch.no_grad(), found:
        work.prepared.forward(work.batch.images[:width])
    return found.calls


def is_product(call: Call) -> bool:
    """Whether it multiplies matrices or convolves."""
    return call.name in PRODUCTS


def is_attention(call: Call) -> bool:
    """Whether it is the whole of an attention."""
    return "scaled_dot_product" in call.name


def seconds(calls: list[Callable[[], Any]], width: int) -> float:
    """To run all of them once, for an image: the median of some times."""
    taken = []
    with torch.inference_mode():
        for _ in range(7):
            began = perf_counter()
            for call in calls:
                call()
            taken.append((perf_counter() - began) / width)
    return median(taken[1:])


def halves(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Two bfloat16 matrices whose sum has 16 bits of each number of `matrix`."""
    high = matrix.bfloat16()
    return high, (matrix - high).bfloat16()


def factors(call: Call) -> tuple[Tensor, Tensor]:
    """The two matrices that `linear` multiplies."""
    images, weight = call.tensors[:2]
    return images.flatten(0, -2), weight.T


def split_products(call: Call) -> Callable[[], Any]:
    """The three bfloat16 products of a float32 product's halves, unsummed."""
    left, right = (halves(matrix) for matrix in factors(call))
    pairs = ((left[0], right[0]), (left[0], right[1]), (left[1], right[0]))
    return lambda: [first @ second for first, second in pairs]


def split_error(call: Call) -> float:
    """Of the sum of the three, over the largest of the product: summed exactly, in float64."""
    first, second = factors(call)
    (high, low), (other, rest) = halves(first), halves(second)
    exact = first.double() @ second.double()
    high, low, other, rest = (part.double() for part in (high, low, other, rest))
    found = high @ other + high @ rest + low @ other
    return float((found - exact).abs().max() / exact.abs().max())


def report(model: str, rounds: int) -> str:
    """Markdown: a line for each part of a pass."""
    work = load(model, IMAGES)
    width = best_width(work.prepared.forward, work.batch.images[:1])
    calls = recorded(work, width)  # after the copy was made, which best_width has asked for
    products = [call for call in calls if is_product(call)]
    attention = [call for call in calls if is_attention(call)]
    matrices = [call for call in products if call.name == "linear"]
    parts: dict[str, list[Callable[[], Any]]] = {
        "the whole prepared pass": [partial(work.prepared.forward, work.batch.images[:width])],
        "its products alone": [call.run for call in products],
    }
    if attention:
        parts["products and attention"] = [call.run for call in products + attention]
    if len(matrices) > 1:
        parts["those that are matrix products and no more"] = [call.run for call in matrices]
        parts["three bfloat16 products for each of these"] = [split_products(call) for call in matrices]
    limit = Limit(work.classifier)
    ratios: dict[str, list[float]] = {name: [] for name in parts}
    for _ in range(rounds):
        for name, part in parts.items():
            before = limit.forward()
            taken = seconds(part, width)
            ratios[name].append(taken / limit.around(before))
    lines = [[name, f"{len(parts[name]):,}", spread(found)] for name, found in ratios.items()]
    text = table(("what of a pass", "operators", "multiple of the limit"), lines)
    off = max((split_error(call) for call in matrices), default=0.0)
    said = f" The three bfloat16 products, added exactly, are off by up to {off:.0e} of the largest."
    return f"**{model}**, {width} images a pass\n\n{text}\n" + f"\n{said.strip()}\n" * (
        len(matrices) > 1
    )


def main() -> None:
    """Measure, print, and write where asked to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="put the tables into docs/speed.md")
    given = parser.parse_args()
    parts = [report(model, given.rounds) for model in given.models]
    text = "\n".join([*parts, conditions(given.rounds)])
    print(text)
    if given.write:
        put(PAGE, "floor", text)


if __name__ == "__main__":
    main()
