"""The table of where conceptors help, against the rows that it is made of."""

import sys
import tomllib
from importlib import import_module

import pytest
import readme

import xaibench
from xaibench.engine.discovery.registry import installed
from xaibench.engine.plan.config import make_config

DOCS = readme.ROOT / "docs"
EXPLAINERS = ("grad-cam", "grad-cam+conceptors", "grad-cam+contrast-0.5", "hirescam", "conceptor-cam")
METRICS = ("deletion-28", "pointing-game")


@pytest.fixture(scope="module")
def making():
    with pytest.MonkeyPatch.context() as patch:
        for folder in ("benchmarks", "docs"):
            patch.syspath_prepend(str(readme.ROOT / folder))
        yield import_module("make_conceptors_table")
    sys.modules.pop("make_conceptors_table")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "out"
    settings = {"explainers": EXPLAINERS, "metrics": METRICS, "limit": 4, "gallery": 0, "width": 8}
    return xaibench.run(["scenes-cnn"], ["scenes"], output=folder, **settings)


def test_differences_are_of_the_same_images(making, results):
    ((title, found),) = making.blocks(results)
    assert title == "scenes-cnn on scenes"
    assert list(found) == ["grad-cam+conceptors", "grad-cam+contrast-0.5", "conceptor-cam"]
    rows = results.scores[results.scores["metric"] == "deletion-28"].set_index("image")
    for name, base in (("grad-cam+conceptors", "grad-cam"), ("conceptor-cam", "hirescam")):
        one = found[name]["deletion-28"]
        scores = [rows[rows["explainer"] == explainer]["score"] for explainer in (name, base)]
        differences = [scores[0][image] - scores[1][image] for image in scores[0].index]
        assert one.mean == pytest.approx(sum(differences) / 4)
        assert min(differences) - 1e-12 <= one.low <= one.mean <= one.high <= max(differences) + 1e-12
        assert one.images == 4


def test_a_change_of_contrast_changes_nothing_of_the_order(making, results):
    ((_, found),) = making.blocks(results)
    for one in found["grad-cam+contrast-0.5"].values():
        assert one.mean == pytest.approx(0, abs=1e-6)
        assert one.verdict == "undecided"


@pytest.mark.parametrize(
    ("low", "high", "higher", "verdict"),
    [
        (0.1, 0.2, True, "helped"),
        (0.1, 0.2, False, "hurt"),
        (-0.2, -0.1, True, "hurt"),
        (-0.2, -0.1, False, "helped"),
        (-0.1, 0.2, True, "undecided"),
        (float("nan"), float("nan"), True, "undecided"),
    ],
)
def test_the_verdict_is_where_the_interval_lies(making, low, high, higher, verdict):
    one = making.Difference((low + high) / 2, low, high, higher, 9)
    assert one.verdict == verdict
    assert ("**" in str(one)) == (verdict != "undecided")


def test_the_page_keeps_what_is_not_its_block(making, results, tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- where conceptors help -->\nold\n<!-- end -->\nafter\n")
    monkeypatch.setattr(sys, "argv", ["make", str(results.path), "--page", str(page)])
    making.main()
    once = page.read_text()
    assert once.startswith("before\n<!-- where conceptors help -->\nHelped/undecided/hurt")
    assert once.endswith("<!-- end -->\nafter\n")
    assert "old" not in once
    making.main()
    assert page.read_text() == once


def test_the_run_behind_it_names_what_there_is():
    plain = tomllib.loads((DOCS / "conceptors.toml").read_text())
    config = make_config(plain)
    for name in config.explainers:
        installed().explainer(name)
    for grid in config.grid:
        for model in grid.models:
            installed().model(model)
        for data in grid.data:
            installed().dataset(data)
