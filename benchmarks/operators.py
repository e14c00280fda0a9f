"""Measures the time of each kind of operator in a pass, in per cent of a plain pass.

    python benchmarks/operators.py [--images 16] [--passes 20] [--write]

Of the network as it is and of the prepared copy, whose passes take turns. Times are the profiler's, of
operators where they stand in the pass, without those that they call. Products and attention have to be
run, whatever is prepared; the rest it can work on. With --write, the table goes to docs/speed.md.
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
    "activations": ("gelu", "relu", "relu6", "hardtanh", "hardtanh_"),
    "sums": ("add", "add_"),
}
REST = "the rest"


def times(model: str, images: int, passes: int) -> dict[str, Counter[str]]:
    """Return microseconds of each kind of operator in some passes, plain and prepared."""
    work = load(model, images)
    networks = {"plain": work.plain, "prepared": work.prepared}
    kind_of = {name: kind for kind, names in KINDS.items() for name in names}
    spent: dict[str, Counter[str]] = {name: Counter() for name in networks}
    for _ in range(passes):
        for name, network in networks.items():
            network.forward(work.batch.images)  # to warm up
            with profile(activities=[ProfilerActivity.CPU]) as profiler:
                network.forward(work.batch.images)
            for event in profiler.key_averages():
                kind = kind_of.get(event.key.rpartition("::")[2], REST)
                spent[name][kind] += event.self_cpu_time_total
    return spent


def lines(model: str, images: int, passes: int) -> list[list[str]]:
    """Return a row for either network: each kind and their sum, in per cent of the plain pass."""
    spent = times(model, images, passes)
    whole = spent["plain"].total()
    return [
        [
            f"{model}, {name}",
            *(f"{100 * times[kind] / whole:.0f} %" for kind in (*KINDS, REST)),
            f"{100 * times.total() / whole:.0f} %",
        ]
        for name, times in spent.items()
    ]


def main() -> None:
    """Measure, print the table, and write it into the page with `--write`."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--passes", type=int, default=20)
    parser.add_argument("--write", action="store_true", help="put the table into docs/speed.md")
    given = parser.parse_args()
    rows = [line for model in given.models for line in lines(model, given.images, given.passes)]
    text = table(("model", *KINDS, REST, "all"), rows)
    text += (
        f"\n\n{given.images} images a pass, {given.passes} passes; {torch.get_num_threads()} threads."
    )
    print(text)
    if given.write:
        put(PAGE, "operators", text)


if __name__ == "__main__":
    main()
