"""Rows as a run would leave them, made of a matrix of scores."""

import numpy as np
import pandas as pd

from xaibench.results.rows import Row, write_rows
from xaibench.results.statistics.score_matrix import Paired, matrix


def rows(scores, explainers=None, images=None, reason="no box", **facts) -> list[Row]:
    """Of scores (trials, explainers): NaN is undefined. Image i0, i1, ... unless `images` says whose."""
    scores = np.asarray(scores, dtype=float)
    explainers = explainers or [f"e{k}" for k in range(scores.shape[1])]
    images = images or [f"i{n}" for n in range(len(scores))]
    known = {"run": "r", "model": "m", "dataset": "d", "metric": "x", "metric_version": 1, **facts}
    cell = "-".join(str(known[key]) for key in ("model", "dataset", "metric", "metric_version"))
    found = []
    for n, k in np.ndindex(scores.shape):
        lacking = np.isnan(scores[n, k])
        row = {
            "cell": f"{cell}-{explainers[k]}",
            "explainer": explainers[k],
            "image": images[n],
            "target": images[:n].count(images[n]),
            "status": "undefined" if lacking else "ok",
            "reason": reason if lacking else "",
            "score": float(scores[n, k]),
        }
        found.append(Row(**{**known, **row}))
    return found


def frame(*tables: list[Row]) -> pd.DataFrame:
    return pd.DataFrame([row for table in tables for row in table])


def cell(scores, *args, **facts) -> Paired:
    return matrix(frame(rows(scores, *args, **facts)))


def folder(path, *tables: list[Row]):
    """A results folder."""
    (path / "scores").mkdir(parents=True)
    write_rows(path / "scores" / "one.parquet", [row for table in tables for row in table])
    return path
