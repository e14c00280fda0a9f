"""Checks that a results folder has the rows that its run should have written."""

import json
from collections.abc import Iterator, Sequence, Set
from typing import Any

import pandas as pd

from xaibench.api.errors import DataError
from xaibench.results.folder import RunFolder, slug
from xaibench.results.manifest import ManifestFields, typed_fields


def missing_rows(folder: RunFolder, scored: pd.DataFrame, manifest: dict[str, Any]) -> list[str]:
    """Return a sentence per block and metric that lacks rows of the manifest's explainers or images."""
    requested = typed_fields(manifest)
    explainers = [explainer.name for explainer in requested.explainers]
    wrong = []
    for model, data, images in blocks_of(requested, folder):
        of_block = scored[(scored["model"] == model) & (scored["dataset"] == data)]
        for metric in requested.metrics:
            rows = of_block[of_block["metric"] == metric.name]
            wrong += [
                f"{model} on {data}: {what} by {metric.name}; run the same command again"
                for what in lacking(rows, explainers, images)
            ]
    return wrong


def blocks_of(
    requested: ManifestFields, folder: RunFolder
) -> Iterator[tuple[str, str, Set[str] | None]]:
    """Yield model, data set and images of each block that has images; None if these are unknown."""
    for block in requested.blocks:
        chosen = {other.chosen for other in requested.blocks if other.dataset == block.dataset}
        try:
            # images of several choices are listed together: which of them are this block's is not said
            images = listed_images(folder, block.dataset) if len(chosen) == 1 else None
        except DataError:  # named by `unlisted`
            images = None
        if images is None and requested.part != "1/1":
            continue  # the part may have none of this block's
        if images is None or images:
            yield block.model, block.dataset, images


def lacking(rows: pd.DataFrame, explainers: Sequence[str], images: Set[str] | None) -> Iterator[str]:
    """Yield which explainers and images have no row among the rows of one block and metric."""
    if rows.empty:
        yield "no row"
        return
    present_explainers = set(rows["explainer"])
    missing = [name for name in explainers if name not in present_explainers]
    if missing:
        yield f"no row of {', '.join(missing)}"
    present_images = set(rows["image"])
    without_row = set() if images is None or "" in present_images else images - present_images
    if without_row:  # "" names no image: the block could not be loaded
        yield f"no row of {len(without_row)} images, the first {min(without_row)!r},"


def incomplete(scored: pd.DataFrame) -> list[str]:
    """Return a sentence for each cell that lacks images or classes that another explainer's cell has."""
    wrong = []
    scored = scored[scored["image"] != ""]
    for (model, data, metric), same in scored.groupby(["model", "dataset", "metric"]):
        trials = same[["image", "target"]].drop_duplicates()
        for explainer, own in same.groupby("explainer"):
            # what failed as a whole image has one row, whatever the classes would have been
            lost = set(own.loc[own["status"] == "failed", "image"])
            own_trials = set(zip(own["image"], own["target"], strict=True))
            missing = [
                image
                for image, target in zip(trials["image"], trials["target"], strict=True)
                if (image, target) not in own_trials and image not in lost
            ]
            if missing:
                wrong.append(
                    f"{model} on {data}: {explainer} lacks {len(missing)} scores by {metric}, the "
                    f"first of image {missing[0]!r}; run the same command again"
                )
    return wrong


def unlisted(folder: RunFolder, scored: pd.DataFrame) -> list[str]:
    """Return a sentence for each data set whose list of images and rows name different images."""
    wrong = []
    for data, own in scored[scored["image"] != ""].groupby("dataset"):
        try:
            listed = listed_images(folder, str(data))
        except DataError as error:
            wrong.append(str(error))
            continue
        odd = set() if listed is None else listed ^ set(own["image"])
        if odd:
            wrong.append(
                f"{len(odd)} images are in subset-{slug(str(data))}.json or in the rows of {data}, not "
                f"in both, the first {sorted(odd)[0]!r}; run the same command again"
            )
    return wrong


def listed_images(folder: RunFolder, data: str) -> Set[str] | None:
    """Return the images in the list of a data set's images; None if there is no list.

    Raises:
        DataError: it cannot be read.
    """
    file = folder.path / f"subset-{slug(data)}.json"
    try:
        return {str(image["id"]) for image in json.loads(file.read_text(encoding="utf-8"))["images"]}
    except FileNotFoundError:
        return None  # of a run that is not finished
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(f"{file} cannot be read: {error}; run the same command again") from error
