"""Published figures of papers and libraries, with their protocols, beside our own."""

from functools import cache
from importlib.resources import files

import msgspec
import pandas as pd

from xaibench.api.errors import UnknownName
from xaibench.results.results import Results

VERIFIED = "V"
UNVERIFIED = "unverified"


class Compared(msgspec.Struct, frozen=True, array_like=True):
    """A metric: their name, our name, and the factor from our scale to theirs."""

    theirs: str
    ours: str
    scale: float = 1


class Protocol(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The protocol of some published figures, and the figures.

    Args:
        name: of the protocol, ours.
        source: where the figures stand.
        tag: "V", checked against the source; "M", from memory; "S", by somebody else's account.
        says: how they were made.
        data: the data set, by our name.
        metrics: theirs and ours.
        explainers: their methods to our explainers; those that are not there we lack.
        figures: by method, in the order of the metrics.
        model: by our name; "" where there is none.
        preprocessing: theirs, where it is known to be ours; "" where it is not known.
        images: how many they had; 0: unknown.
        sample: how many of the data set are drawn; None: all.
        first_classes: only so many classes, the first; None: all.
        settings: of our explainers, laid over theirs.
        differs: where ours is known to differ.
        lacks: why it cannot be run here; "" where it can.
    """

    name: str
    source: str
    tag: str
    says: str
    data: str
    metrics: tuple[Compared, ...]
    explainers: dict[str, str]
    figures: dict[str, tuple[float, ...]]
    model: str = ""
    preprocessing: str = ""
    images: int = 0
    sample: int | None = None
    first_classes: int | None = None
    settings: dict[str, dict[str, str | int | float | bool]] = {}
    differs: tuple[str, ...] = ()
    lacks: str = ""

    @property
    def verified(self) -> bool:
        """Whether the figures were checked against their source, and may be shown."""
        return self.tag == VERIFIED

    @property
    def missing(self) -> tuple[str, ...]:
        """Their methods that this package lacks."""
        return tuple(method for method in self.figures if method not in self.explainers)

    def figure(self, method: str, metric: int) -> str:
        """Return a figure as text; an unverified figure is not shown."""
        return f"{self.figures[method][metric]:g}" if self.verified else UNVERIFIED


@cache
def protocols() -> dict[str, Protocol]:
    """Return all known protocols by name."""
    text = (files("xaibench.results") / "published.toml").read_text(encoding="utf-8")
    by_name = msgspec.toml.decode(text, type=dict[str, list[Protocol]])["protocol"]
    return {protocol.name: protocol for protocol in by_name}


def protocol_called(name: str) -> Protocol:
    """Return one protocol by name.

    Raises:
        UnknownName: there is none; says which there are.
    """
    if name not in protocols():
        raise UnknownName(f"no protocol called {name!r}. There are: {', '.join(protocols())}.")
    return protocols()[name]


def beside(protocol: Protocol, results: Results) -> pd.DataFrame:
    """Return our figures beside the published ones.

    Args:
        protocol: whose figures.
        results: of a run by that protocol, of one model on one data set.

    Returns:
        A row a method and metric, in their order: method, metric, theirs (as it may be shown),
        explainer, ours, low, high (the 95 % interval) on their scale, NaN where there is none;
        images; and why: why there is none of ours.
    """
    rows = results.intervals.to_dict("records")
    facts = {(row["explainer"], row["metric"]): row for row in rows}
    records = []
    for method in protocol.figures:
        explainer = protocol.explainers.get(method, "")
        for place, metric in enumerate(protocol.metrics):
            row = facts.get((explainer, metric.ours), {})
            ours = {
                name: metric.scale * float(row.get(end, "nan"))
                for name, end in (("ours", "mean"), ("low", "low"), ("high", "high"))
            }
            records.append(
                {
                    "method": method,
                    "metric": metric.theirs,
                    "theirs": protocol.figure(method, place),
                    "explainer": explainer,
                    **ours,
                    "images": int(row.get("images", 0)),
                    "why": str(row.get("reason", "")) if explainer else "we have no such method",
                }
            )
    return pd.DataFrame(records)
