"""Files of a run's statistics: tables as CSV, critical-difference diagrams, agreement matrices."""

from pathlib import Path

import pandas as pd

from xaibench.api.errors import ConfigError
from xaibench.report.agreement_picture import draw_agreement
from xaibench.report.critical_difference import Diagram, draw_diagrams
from xaibench.results.results import Results
from xaibench.results.statistics.agreement import ALONG
from xaibench.results.statistics.ranks import Ranks

TITLES = {"metric": "metrics", "model": "models", "dataset": "data sets"}


def write_statistics(results: Results, folder: Path) -> list[Path]:
    """Write all tables and pictures, and return their paths in order.

    Raises:
        ConfigError: the folder cannot be written to.
    """
    tables = {
        "means": results.intervals,
        "differences": results.differences(),
        "ties": results.ties(),
        "win_rates": results.win_rates(),
        "ranks": results.ranks(),
        "agreement": pd.concat([results.agreement(along) for along in ALONG], ignore_index=True),
        "problems": results.problems(),
    }
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, table in tables.items():
            written.append(folder / f"{name}.csv")
            table.to_csv(written[-1], index=False)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be written to: {error}; choose another --output") from error
    written += [folder / "critical-difference.png", folder / "agreement.png"]
    draw_diagrams(written[-2], diagrams(results))
    draw_agreement(written[-1], matrices(tables["agreement"]))
    return written


def diagrams(results: Results) -> list[Diagram]:
    """Return a diagram per model and data set, and one of all together if there are several."""
    return [diagram(board.title, board.ranks) for board in results.boards(together=True)]


def diagram(title: str, ranks: Ranks) -> Diagram:
    """Return the diagram of the images' mean ranks; its title names unranked explainers."""
    blocks = len(ranks.image_ranks)
    left = [name for name in ranks.frame["explainer"] if name not in ranks.explainers]
    if left:
        title += f" (not ranked: {', '.join(left)})"
    if blocks < 2:
        return Diagram(title, (), (), float("nan"), blocks)
    of_images = ranks.within.mean(0).tolist()
    return Diagram(title, ranks.explainers, tuple(of_images), ranks.critical, blocks)


def matrices(agreement: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return tau as a matrix of metrics, and of models and data sets if there are several."""
    by_title = {}
    for along, rows in agreement.groupby("along", sort=False):
        order = list(dict.fromkeys(rows["first"]))
        matrix = rows.pivot(index="first", columns="second", values="tau").loc[order, order]
        if len(matrix) > 1 or along == "metric":
            by_title[TITLES[str(along)]] = matrix
    return by_title
