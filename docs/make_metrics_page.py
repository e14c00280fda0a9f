"""Writes docs/metrics.md: every installed metric of ours, as its spec has it.

python docs/make_metrics_page.py
"""

from collections.abc import Sequence
from math import isinf
from pathlib import Path

from xaibench.api import Metric
from xaibench.engine.discovery.registry import installed

PAGE = Path(__file__).with_name("metrics.md")
HEAD = """# Metrics

Written by `python docs/make_metrics_page.py` from what the metrics say of themselves. Name, version
and settings are in every row of a run; the convention is in its manifest. A version never changes its
meaning: a mended metric is the next version, says what it supersedes, and no table puts two versions
into one column.

What each means, how it lies, and where libraries differ, with our value beside theirs on the same
maps, stands in

- [metrics that change the image and watch the target](metrics-perturbation.md),
- [metrics of where the map is](metrics-localisation.md).

"predicted" and "label" say which class is explained: the one that the network predicts of the whole
image, or the annotated one. What needs a region asks for boxes or a mask of that class; what needs the
explainer asks it again, and forwards for that. Where a score is undefined, its row says why.
"""
GROUPS = {
    "The image is changed": lambda metric: not metric.needs,
    "Where the map is": lambda metric: "region" in metric.needs,
    "The explainer is asked again": lambda metric: "explainer" in metric.needs,
}


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(list(installed().metrics.values())), encoding="utf-8")


def page(metrics: Sequence[Metric]) -> str:
    """The whole page; other packages' metrics are left out."""
    text = HEAD
    ours = [metric for metric in metrics if metric.at.startswith("xaibench_metrics.")]
    for title, belongs in GROUPS.items():
        text += f"\n## {title}\n"
        for metric in filter(belongs, ours):
            text += entry(metric)
    return text


def entry(metric: Metric) -> str:
    """A metric: what it is, its facts, its convention."""
    settings = ", ".join(f"{name} = {value}" for name, value in metric.settings.items())
    low, high = (("-∞" if end < 0 else "∞") if isinf(end) else f"{end:g}" for end in metric.range)
    facts = [
        f"version {metric.version}",
        f"{'higher' if metric.higher_is_better else 'lower'} is better"
        + ("" if metric.ranks else ", but it describes and does not rank"),
        f"from {low} to {high}",
        f"of the {metric.target} class" if metric.target == "predicted" else "of the annotated class",
        *([f"needs the {' and the '.join(metric.needs)}"] if metric.needs else []),
        *([f"a data set's value: {metric.aggregate}"] if metric.aggregate != "mean" else []),
        *([settings] if settings else []),
        *(
            [f"supersedes version {metric.version - 1}: {metric.supersedes}"]
            if metric.supersedes
            else []
        ),
    ]
    lines = [f"- {choice}: {meaning}" for choice, meaning in metric.convention.items()]
    text = "\n".join([f"\n### `{metric.name}`\n", f"{sentence(metric.summary)} {metric.citation}.", ""])
    return text + "\n".join([f"*{'; '.join(facts)}*", "", *lines]) + "\n"


def sentence(text: str) -> str:
    """With a capital and a full stop."""
    return f"{text[:1].upper()}{text[1:]}."


if __name__ == "__main__":
    main()
