"""Runs of a second, of toy plugins, and how to compare their rows."""

from dataclasses import replace

import pandas as pd
import toys

from xaibench.engine.plan.part import WHOLE
from xaibench.engine.run.run import run
from xaibench.engine.run.settings import settle
from xaibench.engine.work.observer import Observer
from xaibench.results.rows import KEY

VOLATILE = ["run", "explain_ms", "metric_ms"]
PER_BATCH = ["explain_forwards", "explain_backwards", "metric_forwards", "metric_backwards"]


def toy_run(
    path,
    *explainers,
    data="generated",
    models=("toy",),
    observer=None,
    registry=None,
    part=WHOLE,
    **settings,
):
    found = registry or toys.registry(*explainers)
    settings = {"width": 5, "gallery": 0, "explainers": tuple(found.explainers), **settings}
    settings = {"metrics": ("deletion-28", "pointing-game"), **settings}
    config = settle(None, models, (data,), **settings)
    return run(config, path, observer=observer, registry=found, part=part)


def grow(path, explainers, metrics=("deletion-28",), observer=None, registry=None, **settings):
    """A run of some toy explainers and metrics."""
    registry = registry or toys.registry(*explainers, metrics=("deletion-28", "pointing-game"))
    settings = {"width": 5, "gallery": 2, "images_per_shard": 2, **settings}
    config = settle(None, ("toy",), ("generated",), explainers=explainers, metrics=metrics, **settings)
    return run(config, path, observer=observer, registry=registry)


def lengthy(path, *folders):
    """A shard an image, of a block a folder; maps are kept where there are several."""
    registry = toys.registry("activation", "gradient", metrics=("deletion-28",))
    settings = {"width": 5, "gallery": 0, "images_per_shard": 1, "keep_maps": len(folders) > 1}
    names = [f"folder-{number}" for number in range(len(folders))]
    plain = registry.datasets["folder"]
    registry.datasets.update({name: replace(plain, name=name) for name in names})
    data = tuple(f"{name}:{folder}" for name, folder in zip(names, folders, strict=True))
    settings |= {"explainers": ("activation", "gradient"), "metrics": ("deletion-28",)}
    return run(settle(None, ("toy",), data, **settings), path, registry=registry)


def comparable(rows: pd.DataFrame, *without: str) -> pd.DataFrame:
    in_order = rows.sort_values(list(KEY)).reset_index(drop=True)
    return in_order.drop(columns=[*VOLATILE, *PER_BATCH, *without])


def same_rows(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Row for row, all but clocks; files of the same shards cost the same forwards, too."""
    found, expected = (
        rows.sort_values(list(KEY)).reset_index(drop=True).drop(columns=VOLATILE)
        for rows in (found, expected)
    )
    pd.testing.assert_frame_equal(found, expected)


class Counting(Observer):
    def __init__(self) -> None:
        self.resumed = self.fresh = 0

    def done(self, images: int, resumed: bool) -> None:
        if resumed:
            self.resumed += images
        else:
            self.fresh += images
