"""Search for better conceptors on a real network, in two stages, and write the results down.

    PYTHONPATH=research:benchmarks python -m conceptors.search --model efficientnet-lite0 --data cutouts

Activations, gradients and base maps are made once an image; each candidate's map is algebra on them, and
one forward more says its Average Drop, Increase and Gain. Stage one tries all candidates on search
images under one base, then pairs of the changes that were worth most. Stage two tries the best few, the
defaults and the controls on held-out images under every base. The images are drawn by other seeds, and
no object of `cutouts` is in both.

Energy, Average Drop, Increase and Gain depend on a map's contrast: a candidate helps "beyond contrast"
where it also beats the base map with the candidate's histogram (`matched`). Peak, pointing game,
insertion and deletion depend on the order of the pixels alone.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from inspect import signature
from pathlib import Path
from time import perf_counter

import pandas as pd
import torch
from conceptors.candidates import SPATIAL, Base, Candidate, combined, grid_of_candidates, maps_of
from conceptors.measure import (
    BETTER,
    OF_CONTRAST,
    Difference,
    Differences,
    Work,
    differences,
    kind,
    prepared_work,
    score,
    whole,
)
from marked_blocks import put, table

from xaibench.api.batch import Example, seed_of
from xaibench.api.maps import rescale, upsample
from xaibench.api.types import GridMaps, Maps
from xaibench.engine.discovery.registry import installed
from xaibench.engine.images.pictures import images_of_examples
from xaibench.engine.plan.plan import block

SEARCH, HELD_OUT = (3, 4), (0, 5)  # seeds of the images; 0 is what a run evaluates
CHANGES = 6
WORTH = ("energy'", "peak", "AD'", "AI'", "AG'")
DEFAULTS = (
    Candidate(),
    Candidate(read="share x map", aperture=3.0),
    Candidate(against="rival", aperture=3.0),
    Candidate(states="place alone", aperture=3.0),
)
POWERS = (0.5, 1.5)
FINER = "control: root of earlier Layer-CAM x base"
LEAST = 5e-4  # a difference below it is shown as 0


def examples_of(
    model: str, data: str, seeds: Sequence[int], half: int, limit: int
) -> list[tuple[Example, ...]]:
    """Return images of one half of the objects, drawn by some seeds, each with one annotated class."""
    block_of_data = block(installed(), model, data)
    load, root = block_of_data.dataset.load(), block_of_data.root
    if "seed" not in signature(load).parameters:
        raise SystemExit(f"{data} draws nothing by a seed, so it has no images to search on")
    images = [same for seed in seeds for same in images_of_examples(load(root, seed=seed))]
    own: list[tuple[Example, ...]] = [
        same for same in images if len(same) == 1 and seed_of("half", kind(same[0])) % 2 == half
    ]
    return own[:limit]


def all_of(model: str, data: str) -> list[tuple[Example, ...]]:
    """Return every image of a data set with one annotated class; none is used for the search."""
    block_of_data = block(installed(), model, data)
    load = block_of_data.dataset.load()
    images = images_of_examples(load(block_of_data.root) if block_of_data.root is not None else load())
    return [same for same in images if len(same) == 1]


def worth(difference: Differences) -> float:
    """Return the mean of the differences in WORTH, each in units of its half-width, at most 4."""
    units = [mean / half if half > 0 else 0.0 for mean, half in (difference[name] for name in WORTH)]
    return sum(max(-4.0, min(4.0, unit)) for unit in units) / len(units)


def searched(work: Work, base: Base) -> dict[Candidate, dict[str, Difference]]:
    """Carry out stage one: return every candidate's differences to the base."""
    plain = score({"base": lambda: base.own}, base, work)["base"]

    def tried(candidates: Iterable[Candidate]) -> dict[Candidate, dict[str, Difference]]:
        makers = {str(c): (lambda c=c: maps_of(c, work.features, base)) for c in candidates}
        scores = score(makers, base, work)
        return {c: differences(scores[str(c)], plain, work) for c in candidates}

    results = tried(grid_of_candidates(signed=bool((work.features.activations < 0).any())))
    by_axis: dict[str, Candidate] = {}
    for candidate in sorted(results, key=lambda c: -worth(results[c])):
        by_axis.setdefault(candidate.axis, candidate)
    changed = [c for c in by_axis.values() if c.axis != "default" and c.read not in SPATIAL]
    return results | tried([c for c in combined(changed[:CHANGES]) if c not in results])


def finalists(results: Mapping[Candidate, Differences]) -> list[Candidate]:
    """Return the defaults, a control, the three of most worth, and the best in each of some metrics."""
    ranked = sorted(results, key=lambda c: -worth(results[c]))
    best = [max(results, key=lambda c: results[c][name][0]) for name in ("energy'", "peak", "AD'")]
    return list(dict.fromkeys([*DEFAULTS, *ranked[:3], *best]))


def held_out(work: Work, base: Base, chosen: Sequence[Candidate]) -> pd.DataFrame:
    """Carry out stage two: return a row of text for the base, each control and each chosen candidate."""
    own = rescale(base.own)
    plain: dict[str, Callable[[], GridMaps]] = {"base": lambda: own, FINER: lambda: finer(work, own)}
    controls: dict[str, Callable[[], Maps]] = {
        f"control: base^{p:g}": partial(power, work, own, p) for p in POWERS
    }
    controls["control: all but a pixel"] = partial(nearly_ones, work)
    makers = {str(c): (lambda c=c: maps_of(c, work.features, base)) for c in chosen}
    ranked = score(plain | makers, base, work, with_curves=True)
    scores = {"base": ranked["base"], **score(controls, base, work), **ranked}
    table_rows = {}
    for name, one in scores.items():
        paired = differences(one, scores["base"], work)
        cells = {label: signed(*values) for label, values in paired.items()}
        if name == "base":
            cells = {label: f"{one[label].mean():.3f}" for label in BETTER}
        else:
            beyond = differences(one, scores[FINER], work) if "layer" in name else paired
            cells["verdict"] = verdict(paired, beyond)
        table_rows[name] = {**cells, "mean": f"{one['mean'].mean():.2f}"}
    columns = [*BETTER, *(f"{name}'" for name in OF_CONTRAST), "mean", "verdict"]
    return pd.DataFrame(table_rows).T[columns].fillna("")


def power(work: Work, own: GridMaps, exponent: float) -> Maps:
    """Return the base's maps raised to a power, which changes their contrast and nothing else."""
    return whole(own, work) ** exponent


def finer(work: Work, own: GridMaps) -> GridMaps:
    """Return a control of the finer grid: the root of the earlier layer's Layer-CAM times the map."""
    earlier = rescale(work.features.finer)
    return (earlier * upsample(own, earlier.shape[1:])).sqrt()


def nearly_ones(work: Work) -> Maps:
    """Return Fake-CAM (Poppi et al. 2021): maps of ones but for one pixel."""
    maps = torch.ones_like(work.covers)
    maps[:, 0, 0] = 0
    return maps


def signed(mean: float, half: float) -> str:
    """Return a difference and its half-width as text."""
    text = f"{mean:+.3f} ±{half:.3f}".replace("0.", ".")
    return f"**{text}**" if abs(mean) > max(half, LEAST) else text


def verdict(difference: Differences, beyond: Differences) -> str:
    """Return the metrics that improve or worsen beyond their interval, and beyond mere contrast.

    What an earlier layer helps must stand against its finer grid (`beyond`) too.
    """
    helps, hurts = [], []
    for name in (name for name in BETTER if name in difference):
        ways = [difference[name], difference.get(f"{name}'", difference[name])]
        if all(mean > max(half, LEAST) for mean, half in (*ways, beyond[name])):
            helps.append(name)
        if all(-mean > max(half, LEAST) for mean, half in ways):
            hurts.append(name)
    effects = [
        f"{verb} {', '.join(names)}" for verb, names in (("helps", helps), ("hurts", hurts)) if names
    ]
    return "; ".join(effects) or "-"


def by_change(results: Mapping[Candidate, Differences]) -> pd.DataFrame:
    """Return the table of stage one: each change at its aperture of most worth, best first."""
    rows: dict[str, dict[str, str]] = {}
    for candidate in sorted(results, key=lambda c: -worth(results[c])):
        cells = {name: signed(*results[candidate][name]) for name in ("energy", "AD", *WORTH)}
        aperture, value = f"{candidate.aperture:g}", f"{worth(results[candidate]):+.2f}"
        rows.setdefault(candidate.axis, {"a²": aperture, **cells, "worth": value})
    return pd.DataFrame(rows).T


def markdown(frame: pd.DataFrame, corner: str) -> str:
    """Return a data frame as a Markdown table."""
    rows = zip(frame.index, frame.to_numpy(), strict=True)
    return table([corner, *frame.columns], [[str(name), *map(str, row)] for name, row in rows])


def report(given: argparse.Namespace) -> str:
    """Carry out the whole search on one model and data set, and return it as Markdown."""
    began = perf_counter()
    seeds = (given.seed, given.seed + 1)
    first = prepared_work(given.model, examples_of(given.model, given.data, seeds, 0, given.limit))
    results = searched(first, first.features.bases[given.base])
    title = f"Stage one: {len(results)} candidates under {given.base}, {counted(first)} to search on."
    parts = [title, markdown(by_change(results), "change")]
    drawn = examples_of(given.model, given.data, HELD_OUT, 1, given.held_out)
    images = all_of(given.model, given.other) if given.other else drawn
    work = prepared_work(given.model, images)
    for name, base in work.features.bases.items():
        rows = held_out(work, base, finalists(results))
        whose = f" of {given.other}" if given.other else ""
        parts += [f"Stage two: {name}, {counted(work)}{whose} held out.", markdown(rows, "map")]
    forwards = first.stream.forwards + work.stream.forwards
    parts.append(f"{forwards:,} forwards, {perf_counter() - began:.0f} s on one thread.")
    return "\n\n".join(parts)


def counted(work: Work) -> str:
    """Return the number of images, and of objects where they are fewer."""
    images, kinds = len(work.rows_asked_about("predicted")), len(set(work.kinds))
    return f"{images} images" + (f" of {kinds} objects" if kinds < images else "")


def main() -> None:
    """Search, and print the report or write it into a page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="efficientnet-lite0")
    parser.add_argument("--data", default="cutouts")
    parser.add_argument("--base", default="grad-cam", help="whose map stage one puts under conceptors")
    parser.add_argument("--limit", type=int, default=36, help="search images")
    parser.add_argument("--held-out", type=int, default=64, help="held-out images")
    parser.add_argument("--other", help="hold out all images of this data set instead")
    parser.add_argument("--seed", type=int, default=SEARCH[0], help="of the search images, and the next")
    parser.add_argument("--write", type=Path, help="a page with a block for this model and data")
    given = parser.parse_args()
    if {given.seed, given.seed + 1} & set(HELD_OUT):
        sys.exit(f"the held-out images are drawn by {HELD_OUT}; give another seed")
    torch.set_num_threads(1)
    text = report(given)
    print(text)
    if given.write:
        other = f", held out {given.other}" if given.other else ""
        put(given.write, f"search {given.model} on {Path(given.data).name}{other}", text)


if __name__ == "__main__":
    main()
