import numpy as np
import pandas as pd
import pytest
from PIL import Image
from tables import folder, rows

from xaibench.api import ConfigError
from xaibench.report.critical_difference import Diagram, bars, draw_diagrams
from xaibench.report.statistics_files import diagrams, matrices, write_statistics
from xaibench.results.results import Results

NAMES = ["cam", "other", "random"]


def scores(n=12, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 1)) + np.array([3.0, 2.0, 0.0]) + 0.1 * rng.normal(size=(n, 3))


@pytest.fixture
def results(tmp_path) -> Results:
    lacking = scores(seed=1)
    lacking[:7, 0] = np.nan
    tables = [
        rows(scores(), NAMES, metric="up"),
        rows(-scores(), NAMES, metric="down", higher_is_better=False),
        rows(lacking, NAMES, metric="up", model="n"),
    ]
    return Results.load(folder(tmp_path / "run", *tables))


def diagram(*ranks, critical=1.0) -> Diagram:
    return Diagram("t", tuple(f"e{k}" for k in range(len(ranks))), ranks, critical, 9)


def test_bars_join_all_who_are_within_the_critical_difference():
    assert bars(diagram(1.0, 1.5, 2.2, 4.0)) == [(1.0, 1.5), (1.5, 2.2)]
    assert bars(diagram(4.0, 1.5, 1.0, 2.2, critical=1.3)) == [(1.0, 2.2)]
    assert bars(diagram(1.0, 2.0, 3.0)) == []
    assert bars(diagram(2.0, 2.0, critical=float("nan"))) == [(2.0, 2.0)]


def test_all_tables_and_pictures_are_written(results, tmp_path):
    written = write_statistics(results, tmp_path / "out")
    assert [path.name for path in written] == [
        *("means.csv", "differences.csv", "ties.csv", "win_rates.csv", "ranks.csv", "agreement.csv"),
        *("problems.csv", "critical-difference.png", "agreement.png"),
    ]
    for path in written[-2:]:
        with Image.open(path) as picture:
            assert min(picture.size) > 200
            assert np.ptp(np.asarray(picture.convert("L"))) > 200
    ties = pd.read_csv(written[2])
    assert set(ties["rank"]) == {1, 2, 3}


def test_every_table_counts_what_has_no_score_with_the_reason(results, tmp_path):
    tables = {path.stem: path for path in write_statistics(results, tmp_path / "out")}
    for name, column in (
        ("means", "reasons"),
        ("differences", "reason"),
        ("win_rates", "reason"),
        ("ties", "reason"),
    ):
        table = pd.read_csv(tables[name], keep_default_na=False)
        of_model = table[(table["model"] == "n") & (table["explainer"] == "cam")]
        assert of_model[column].str.contains("undefined: no box (7)", regex=False).all(), name
    assert pd.read_csv(tables["problems"])["rows"].tolist() == [7]


def test_diagrams_are_of_each_model_and_of_all(results):
    found = diagrams(results)
    assert [each.title for each in found] == [
        "m on d",
        "n on d (not ranked: cam)",
        "all models and data sets (not ranked: cam)",
    ]


def test_matrices_are_square_and_in_order(results):
    agreement = pd.concat([results.agreement("metric"), results.agreement("model")])
    found = matrices(agreement)
    assert list(found["metrics"].columns) == ["up@1", "down@1"]
    assert found["models"].loc["m", "n"] == pytest.approx(1)


def test_too_little_to_rank_is_said_rather_than_drawn(tmp_path):
    draw_diagrams(tmp_path / "a.png", [Diagram("t", (), (), float("nan"), 1)])
    assert (tmp_path / "a.png").stat().st_size


def test_a_folder_that_cannot_be_written_is_named(results, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"file cannot be written to: .*--output"):
        write_statistics(results, tmp_path / "file")
