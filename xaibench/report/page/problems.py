"""Missing scores and their reasons: all rows with a status other than "ok", counted."""

from dataclasses import dataclass

from xaibench.results.results import Results


@dataclass(frozen=True)
class Problem:
    """Rows of one model and data set with the same status and reason."""

    status: str
    model: str
    dataset: str
    reason: str
    explainers: tuple[str, ...]
    metrics: tuple[str, ...]
    images: int
    rows: int


def problems(results: Results) -> list[Problem]:
    """Return failed, then unsupported, then undefined rows, grouped by reason, in row order."""
    wrong = results.scores[results.scores["status"] != "ok"]
    same = ["status", "model", "dataset", "reason"]
    grouped = [
        Problem(
            status=str(status),
            model=str(model),
            dataset=str(dataset),
            reason=str(reason),
            explainers=tuple(map(str, rows["explainer"].unique())),
            metrics=tuple(map(str, rows["metric"].unique())),
            images=int(rows.loc[rows["image"] != "", "image"].nunique()),
            rows=len(rows),
        )
        for (status, model, dataset, reason), rows in wrong.groupby(same, sort=False)
    ]
    order = {status: place for place, status in enumerate(("failed", "unsupported", "undefined"))}
    return sorted(grouped, key=lambda each: order.get(each.status, len(order)))


def counts(problems: list[Problem]) -> dict[str, int]:
    """Return the number of rows of each status."""
    totals: dict[str, int] = {}
    for each in problems:
        totals[each.status] = totals.get(each.status, 0) + each.rows
    return totals
