"""Try every family of timm, torchvision and transformers, and write the results into docs/models.md.

PYTHONPATH=tests:plugins/xaibench-transformers/tests python docs/make_models_table.py [MEMBER ...]

All are tried, by two processes for half an hour to an hour; or the members named are tried again, and
the other rows stay as they are. xaibench and xaibench-transformers are to be installed.
"""

import sys
import warnings
from collections.abc import Collection, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

import torch
from families import NAMED, NOT_SHOWN, SMALLER, TIMM, TORCHVISION, TRANSFORMERS
from members import MAKERS
from survey import DRAWS, Found, survey

from xaibench.testing.models.grid_orientation import SURE

TABLE = Path(__file__).with_name("models.md")
WORKERS = 2
YES = "yes"
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

Written by `python docs/make_models_table.py`, not by hand; timm {timm},
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


def main(members: Collection[str]) -> None:
    """Try all, or `members` again, two at a time, and write the tables; says what does not work."""
    jobs = list(all_jobs())
    lines = kept_lines(jobs) if members else {}
    wanted = [job for job in jobs if job not in lines or job.member in members]
    with ProcessPoolExecutor(WORKERS, get_context("spawn")) as pool:
        started = {pool.submit(tried, job): job for job in wanted}
        for done in as_completed(started):
            job = started[done]
            lines[job] = line(job, done.result())
            print(lines[job], end="", flush=True)
    TABLE.write_text(page({job: lines[job] for job in jobs}), encoding="utf-8")
    wrong = {job.member for job in jobs if not works(lines[job])}
    sys.exit(f"do not work: {wrong}" if wrong - set(NOT_SHOWN) else 0)


def kept_lines(jobs: Collection[Job]) -> dict[Job, str]:
    """Return the rows that the page already has."""
    sections = dict(part.split("\n", 1) for part in TABLE.read_text(encoding="utf-8").split("\n## "))
    rows = {}
    for job in jobs:
        for row in sections.get(TITLES[job.table], "").splitlines(keepends=True):
            if f"| {job.family} | `{job.member}` |" in row:
                rows[job] = row
    return rows


def all_jobs() -> Iterator[Job]:
    """Return every row of every table."""
    for family, (library, member, note) in NAMED.items():
        yield Job("named", family, library, member, note)
    for library, members in (("timm", TIMM), ("torchvision", TORCHVISION)):
        for family, member in members.items():
            yield Job(library, family, library, member, smaller(member))
    for member in TRANSFORMERS:
        yield Job("transformers", member, "transformers", member)


def smaller(member: str) -> str:
    """Describe which settings of the member were reduced."""
    return ", ".join(f"{name} {value}" for name, value in SMALLER.get(member, {}).items())


def tried(job: Job) -> Found:
    """Try one member, and return the result."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    try:
        return survey(partial(MAKERS[job.library], job.member))
    except Exception as error:  # one that breaks must not keep the others out of the table
        return Found((0, 0), reason=f"{type(error).__name__}: {error}")


def page(lines: dict[Job, str]) -> str:
    """Return the whole page."""
    versions = {name: version(name) for name in ("timm", "torchvision", "transformers", "torch")}
    text = INTRODUCTION.format(sure=SURE, most=DRAWS, **versions)
    for table, title in TITLES.items():
        own = [row for job, row in lines.items() if job.table == table]
        text += f"\n## {title}\n\n{sum(map(works, own))} of {len(own)} work. {NOTES[table]}\n\n"
        text += "| works | family | member | images | layer | layout | grid | CAM exact | upright | |\n"
        text += "| --- | --- | --- | --- | --- | --- | --- | --- | ---: | --- |\n"
        text += "".join(own)
    return text


def line(job: Job, outcome: Found) -> str:
    """Return one row of the table."""
    notes = [outcome.reason, *outcome.faults, job.note, NOT_SHOWN.get(job.member, "")]
    cells = [YES if outcome.works else "no", job.family, f"`{job.member}`", by(outcome.size)]
    if outcome.layer:
        cells += [
            f"`{outcome.layer}`",
            outcome.layout,
            by(outcome.grid),
            "yes" if outcome.exact else "no",
        ]
        cells += [f"{outcome.errors:.1f}" if outcome.errors < 100 else "> 100"]
    else:
        cells += ["-"] * 5
    return f"| {' | '.join([*cells, '; '.join(note for note in notes if note)])} |\n"


def works(row: str) -> bool:
    """Return whether a row reports success."""
    return row.startswith(f"| {YES} |")


def by(size: tuple[int, int]) -> str:
    """Return a size as height by width."""
    return f"{size[0]} x {size[1]}"


if __name__ == "__main__":
    main(sys.argv[1:])
