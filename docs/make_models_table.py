"""Tries every family of timm, torchvision and transformers, and writes what was found to docs/models.md.

PYTHONPATH=tests:plugins/xaibench-transformers/tests python docs/make_models_table.py
(xaibench and xaibench-transformers installed; about half an hour on two cores)
"""

import sys
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

import torch
from families import NAMED, NOT_SHOWN, SMALLER, TIMM, TORCHVISION, TRANSFORMERS
from members import MAKERS
from survey import DRAWS, Found, survey
from upright import SURE

TABLE = Path(__file__).with_name("models.md")
WORKERS = 2
INTRODUCTION = """# Where networks are explained

Nobody has to name a layer: xaibench finds a classifier's target layer, how its output lies on the image,
and whether CAM is exact there (the logits are a linear layer on the mean activations), by one forward
and one backward pass on noise. These tables say what it finds, and in how many networks that is right.

Where another layer is wanted, `@` names it, and `inspect` lists those there are:

```sh
xaibench models inspect timm:resnet18=random
xaibench run --models timm:resnet18@layer3 --data photos
```

In Python it is `classifier_of(network, size, target_layer="layer3")`.

Each network has random weights. It *works* where its maps have the grid's shape, are finite, not all
constant, the same in a batch as one by one, and the grid is *upright*: a faint patch is planted in one
cell of the image after another, and must change its own cell more than the cell where it would be seen
if the output were read in any other way: turned, mirrored or transposed, or, for tokens, some places
further on (class tokens miscounted), in rows of another length, in windows. The column *upright* says
by how many standard errors of the difference the next best reading loses, over all patches; weights
are drawn again until it is {sure:g}, {most} times at most.

Written by `python docs/make_models_table.py` in {minutes} minutes, not by hand; timm {timm},
torchvision {torchvision}, transformers {transformers}, torch {torch}.
"""
TITLES = {
    "named": "Architectures that leaderboards name",
    "timm": "timm, by the module that defines them",
    "torchvision": "torchvision, by the module that defines them",
    "transformers": "transformers",
}
NOTES = {
    "named": "Whole, but where the last column says what two cores cannot hold.",
    "timm": "Of each module the member with the fewest weights.",
    "torchvision": "Of each module the member with the fewest weights.",
    "transformers": "Through the package xaibench-transformers: tiny, saved, and loaded by it.",
}


@dataclass(frozen=True)
class Job:
    """One row: its table, the family, whose network it is, its name there, what is smaller."""

    table: str
    family: str
    library: str
    member: str
    note: str = ""


def main() -> None:
    """Try all, some at a time, and write the tables; says what does not work."""
    start = time.monotonic()
    jobs = list(all_jobs())
    found = []
    with ProcessPoolExecutor(WORKERS, get_context("spawn")) as pool:
        for job, result in zip(jobs, pool.map(tried, jobs), strict=True):
            found.append(result)
            print(f"{time.monotonic() - start:.0f} s", job.table, job.family, result, flush=True)
    minutes = round((time.monotonic() - start) / 60)
    TABLE.write_text(page(list(zip(jobs, found, strict=True)), minutes), encoding="utf-8")
    wrong = [job.member for job, result in zip(jobs, found, strict=True) if not result.works]
    sys.exit(f"do not work: {wrong}" if set(wrong) - set(NOT_SHOWN) else 0)


def all_jobs() -> Iterator[Job]:
    """Every row of every table."""
    for family, (library, member, note) in NAMED.items():
        yield Job("named", family, library, member, note)
    for library, members in (("timm", TIMM), ("torchvision", TORCHVISION)):
        for family, member in members.items():
            yield Job(library, family, library, member, smaller(member))
    for member in TRANSFORMERS:
        yield Job("transformers", member, "transformers", member)


def smaller(member: str) -> str:
    """What was cut down, for people."""
    return ", ".join(f"{name} {value}" for name, value in SMALLER.get(member, {}).items())


def tried(job: Job) -> Found:
    """What is found in one member."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    try:
        return survey(partial(MAKERS[job.library], job.member))
    except Exception as error:  # one that breaks must not keep the others out of the table
        return Found((0, 0), reason=f"{type(error).__name__}: {error}")


def page(rows: list[tuple[Job, Found]], minutes: int) -> str:
    """The whole page."""
    versions = {name: version(name) for name in ("timm", "torchvision", "transformers", "torch")}
    said = INTRODUCTION.format(sure=SURE, most=DRAWS, minutes=minutes, **versions)
    for table, title in TITLES.items():
        own = [(job, found) for job, found in rows if job.table == table]
        works = sum(found.works for _, found in own)
        said += f"\n## {title}\n\n{works} of {len(own)} work. {NOTES[table]}\n\n"
        said += "| family | member | images | layer | layout | grid | CAM exact | upright | |\n"
        said += "| --- | --- | --- | --- | --- | --- | --- | ---: | --- |\n"
        said += "".join(line(job, found) for job, found in own)
    return said


def line(job: Job, found: Found) -> str:
    """One row of the table."""
    notes = [found.reason, *found.faults, job.note, NOT_SHOWN.get(job.member, "")]
    cells = [job.family, f"`{job.member}`", by(found.size)]
    if found.layer:
        cells += [f"`{found.layer}`", found.layout, by(found.grid), "yes" if found.exact else "no"]
        cells += [f"{found.errors:.1f}"]
    else:
        cells += ["-"] * 5
    return f"| {' | '.join([*cells, '; '.join(note for note in notes if note)])} |\n"


def by(size: tuple[int, int]) -> str:
    """Height by width."""
    return f"{size[0]} x {size[1]}"


if __name__ == "__main__":
    main()
