"""Compares the default run with its limit: forwards made x time per plain forward at best width.

    python benchmarks/default_run.py [--limit 4]

Runs `xaibench run` model by model and data set by data set, and holds the seconds that each manifest
counts for a stage against the forwards that it counts there. Without --limit, on all of its images.
"""

import argparse

from limit import Limit
from rich.console import Console
from rich.table import Table
from work import facts_of_run

from xaibench.engine.discovery.registry import installed
from xaibench.engine.run.settings import settle

FORWARDING = ("shared pass", "explainers", "metrics")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--limit", type=int, help="images of each data set; the default's if not given")
    given = parser.parse_args()
    table = Table(title="xaibench run, by its default: wall time over its limit")
    for column in ("model on data", "stage", "forwards", "seconds", "ratio"):
        left = column in ("model on data", "stage")
        table.add_column(column, justify="left" if left else "right", no_wrap=left)
    config = settle()
    spent = least = 0.0
    for grid in config.grid:
        for model in grid.models:
            limit = Limit(installed().model(model).load()())
            for data in grid.data:
                before = limit.forward()
                limited = given.limit or grid.limit or config.limit
                facts = facts_of_run(model, data, limit=limited, metrics=config.metrics)
                one = limit.around(before)
                for stage in FORWARDING:
                    seconds, forwards = facts["seconds"][stage], facts["forwards"][stage]
                    ratio = f"{seconds / (forwards * one):.2f}"
                    table.add_row(f"{model} on {data}", stage, str(forwards), f"{seconds:.1f}", ratio)
                spent += facts["seconds"]["all"]
                least += one * sum(facts["forwards"].values())
    table.add_row("all, with loading", "", "", f"{spent:.1f}", f"{spent / least:.2f}")
    Console(width=105).print(table)


if __name__ == "__main__":
    main()
