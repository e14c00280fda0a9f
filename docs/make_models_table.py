"""Tries every family of timm and torchvision, and writes what was found to docs/models.md.

PYTHONPATH=tests:plugins:. python docs/make_models_table.py     (about ten minutes on two cores)
"""

import sys
import warnings
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

import torch
from families import NAMED, SMALLER, TIMM, TORCHVISION
from survey import Found, survey, timm_network, torchvision_network

TABLE = Path(__file__).with_name("models.md")
WORKERS = 3
MAKERS = {"timm": timm_network, "torchvision": torchvision_network}
INTRODUCTION = """# Where networks are explained

Written by `python docs/make_models_table.py`, not by hand; timm {timm}, torchvision {torchvision}.

Of each family, the smallest member with random weights: the target layer that the probe finds, how
its output lies, its grid of cells for images of the size tried, and whether CAM is exact there (the
logits are a linear layer on the mean activations). It works where its maps have the grid's shape,
are finite, not constant and the same in a batch as one by one, and where a bright patch planted in
the image is seen at its cell rather than where a flip, a turn or a transposition would put it.
Another layer is named as `MODEL@LAYER`; `xaibench models inspect MODEL` lists those there are.
"""


def main() -> None:
    """Try all, some at a time, and write the table; says what has faults."""
    jobs = [(kind, family, member) for kind, family, member in all_members()]
    with ProcessPoolExecutor(WORKERS, get_context("spawn")) as pool:
        found = []
        for job, result in zip(jobs, pool.map(tried, jobs), strict=True):
            found.append(result)
            print(*job, result, flush=True)
            rows = list(zip(jobs, found, strict=False))
            TABLE.write_text(page(rows), encoding="utf-8")
    sys.exit(any(result.faults for result in found))


def all_members() -> Iterable[tuple[str, str, str]]:
    """Library, family or architecture, and member."""
    yield from (("named", label, member) for label, member in NAMED.items())
    yield from (("timm", family, member) for family, member in TIMM.items())
    yield from (("torchvision", family, member) for family, member in TORCHVISION.items())


def tried(job: tuple[str, str, str]) -> Found:
    """What is found in one member."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    kind, _, member = job
    try:
        return survey(partial(MAKERS.get(kind, timm_network), member))
    except Exception as error:  # one that breaks must not keep the others out of the table
        return Found((0, 0), reason=f"{type(error).__name__}: {error}")


def page(rows: list[tuple[tuple[str, str, str], Found]]) -> str:
    """The whole page."""
    said = INTRODUCTION.format(timm=version("timm"), torchvision=version("torchvision"))
    titles = {
        "named": "Architectures that leaderboards name",
        "timm": "timm, by the module that defines them",
        "torchvision": "torchvision",
    }
    for kind, title in titles.items():
        own = [line(job, found) for job, found in rows if job[0] == kind]
        works = sum(not found.reason and not found.faults for job, found in rows if job[0] == kind)
        said += f"\n## {title}\n\n{works} of {len(own)} work.\n\n"
        said += "| family | member | images | layer | layout | grid | CAM exact | |\n"
        said += "| --- | --- | --- | --- | --- | --- | --- | --- |\n" + "".join(own)
    return said


def line(job: tuple[str, str, str], found: Found) -> str:
    """One row of the table."""
    _, family, member = job
    layer = f"`{found.layer}`" if found.layer else "-"
    notes = [found.reason, *found.faults]
    if smaller := SMALLER.get(member):
        notes.append("cut down to " + ", ".join(f"{name} {value}" for name, value in smaller.items()))
    cells = (
        family,
        f"`{member}`",
        "x".join(map(str, found.size)),
        layer,
        found.layout or "-",
        "x".join(map(str, found.grid)) if found.layer else "-",
        "yes" if found.exact else "no",
        "; ".join(note for note in notes if note),
    )
    return f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    main()
