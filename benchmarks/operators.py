"""What a pass of the prepared network is made of: the share of each kind of operator in its time.

    python benchmarks/operators.py [--images 4] [--passes 20] [--write]

Times are the profiler's, of operators where they stand in the pass, without those that they call. Every
preparation has to run products and attention; the rest it can still work on. With --write, the table
goes to docs/speed.md.
"""

import argparse
from collections import Counter

import torch
from marked_blocks import put, table
from stages import MODELS, PAGE
from torch.profiler import ProfilerActivity, profile
from work import load

KINDS = {
    "products": (
        "addmm",
        "mm",
        "bmm",
        "_linear_pointwise",
        "mkldnn_convolution",
        "_convolution_pointwise",
    ),
    "attention": ("_scaled_dot_product_flash_attention_for_cpu",),
    "copies and fills": ("copy_", "fill_"),
    "norms": ("native_layer_norm", "native_batch_norm"),
    "sums": ("add", "add_"),
}
REST = "the rest"


def shares(model: str, images: int, passes: int) -> list[float]:
    """Of each kind and of the rest, in per cent of the time of some passes."""
    work = load(model, images)
    forward = work.prepared.forward
    forward(work.batch.images)  # to warm up
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        for _ in range(passes):
            forward(work.batch.images)
    kind_of = {name: kind for kind, names in KINDS.items() for name in names}
    spent: Counter[str] = Counter()
    for event in seen.key_averages():
        spent[kind_of.get(event.key.rpartition("::")[2], REST)] += event.self_cpu_time_total
    return [100 * spent[kind] / spent.total() for kind in (*KINDS, REST)]


def main() -> None:
    """Measure, print, and write where asked to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--images", type=int, default=4)
    parser.add_argument("--passes", type=int, default=20)
    parser.add_argument("--write", action="store_true", help="put the table into docs/speed.md")
    given = parser.parse_args()
    lines = [
        [model, *(f"{share:.0f} %" for share in shares(model, given.images, given.passes))]
        for model in given.models
    ]
    text = table(("model", *KINDS, REST), lines)
    text += (
        f"\n\n{given.images} images a pass, {given.passes} passes; {torch.get_num_threads()} threads."
    )
    print(text)
    if given.write:
        put(PAGE, "operators", text)


if __name__ == "__main__":
    main()
