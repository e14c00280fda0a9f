from math import isnan, nan

import numpy as np
import pytest
import tables

from xaibench.api import UnknownName
from xaibench.engine.discovery.registry import installed
from xaibench.results.intervals import interval
from xaibench.results.published import UNVERIFIED, Compared, Protocol, beside, protocol_called, protocols
from xaibench.results.results import Results


@pytest.mark.parametrize("name", protocols())
def test_every_protocol_names_what_is_installed(name):
    protocol, registry = protocols()[name], installed()
    assert protocol.tag in ("V", "M", "S")
    assert registry.dataset(protocol.data)
    for metric in protocol.metrics:
        assert registry.metric(metric.ours)
    for method, explainer in protocol.explainers.items():
        assert registry.explainer(explainer)
        assert method in protocol.figures
    for figures in protocol.figures.values():
        assert len(figures) == len(protocol.metrics)
    assert bool(protocol.model) or protocol.lacks
    if protocol.model:
        assert registry.model(protocol.model)
    assert set(protocol.settings) <= set(protocol.explainers.values())


def test_a_figure_is_shown_only_where_it_was_checked():
    checked = protocol_called("rise-notebook-resnet50")
    assert [checked.figure("RISE", place) for place in (0, 1)] == ["0.1048", "0.7719"]
    memory = protocol_called("rise-resnet50")
    assert memory.figures["RISE"] == (0.1076, 0.7267)
    assert memory.figure("RISE", 0) == UNVERIFIED
    assert memory.missing == ("LIME",)


def test_a_protocol_that_is_not_there_is_named():
    with pytest.raises(UnknownName, match=r"no protocol called 'lime'\. There are: rise-resnet50, "):
        protocol_called("lime")


def test_ours_stand_beside_theirs_on_their_scale(tmp_path):
    protocol = Protocol(
        name="p",
        source="s",
        tag="V",
        says="how",
        data="d",
        metrics=(Compared("drop", "x", 100), Compared("gain", "y", 1)),
        explainers={"One": "e0", "Two": "e1"},
        figures={"One": (50.0, 0.5), "Two": (40.0, 0.4), "Three": (30.0, 0.3)},
    )
    scores = np.random.default_rng(0).uniform(size=(30, 2))
    up = tables.rows(scores)
    down = tables.rows(np.stack([scores[:, 0], np.full(30, nan)], 1), metric="y")
    results = Results.load(tables.folder(tmp_path / "r", up, down))
    frame = beside(protocol, results).set_index(["method", "metric"])
    assert list(frame["theirs"]) == ["50", "0.5", "40", "0.4", "30", "0.3"]
    of_one = results.scores[(results.scores["explainer"] == "e0") & (results.scores["metric"] == "x")]
    assert frame.loc[("One", "drop"), "ours"] == pytest.approx(100 * scores[:, 0].mean())
    expected = interval(of_one["score"], of_one["image"])
    found = frame.loc[("One", "drop"), ["low", "high"]].astype(float) / 100
    np.testing.assert_allclose(found, expected)
    assert frame.loc[("One", "gain"), "ours"] == pytest.approx(scores[:, 0].mean())
    assert isnan(frame.loc[("Two", "gain"), "ours"])
    assert frame.loc[("Two", "gain"), "why"] == "no box"
    assert frame.loc[("Three", "drop"), "why"] == "we have no such method"
    assert frame.loc[("One", "drop"), "images"] == 30
