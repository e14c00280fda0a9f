import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from toy_runs import toy_run

from xaibench.api import DataError, PluginError
from xaibench.results.folder import slug
from xaibench.results.intervals import interval
from xaibench.results.results import Results
from xaibench.results.rows import Row, read_rows, write_rows


def row(**facts) -> Row:
    known = {"run": "r", "cell": "c", "status": "ok", "model": "m", "explainer": "e", "dataset": "d"}
    return Row(**{**known, "metric": "x", "metric_version": 1, "image": "i", "target": 0, **facts})


def results(tmp_path, *rows: Row) -> Results:
    (tmp_path / "scores").mkdir()
    write_rows(tmp_path / "scores" / "one.parquet", rows)
    return Results.load(tmp_path)


def test_rows_survive_the_disk(tmp_path):
    written = [row(image=f"böx-{i}", score=i / 3, reason="なし" * i) for i in range(3)]
    write_rows(tmp_path / "a.parquet", written)
    read = read_rows([tmp_path / "a.parquet"])
    assert read["image"].tolist() == ["böx-0", "böx-1", "böx-2"]
    np.testing.assert_array_equal(read["score"], [0, 1 / 3, 2 / 3])
    assert not list(tmp_path.glob(".*"))


def test_a_doubled_row_is_refused_when_it_is_written(tmp_path):
    with pytest.raises(PluginError, match=r"1 rows would be doubled, the first \{'cell': 'c'"):
        write_rows(tmp_path / "a.parquet", [row(), row(score=2.0)])
    assert not list(tmp_path.iterdir())


def test_a_doubled_row_is_refused_when_files_are_read(tmp_path):
    for name in ("a", "b"):
        write_rows(tmp_path / f"{name}.parquet", [row()])
    with pytest.raises(DataError, match="1 rows stand twice"):
        read_rows(sorted(tmp_path.glob("*.parquet")))


def test_an_unreadable_file_is_named_with_the_cure(tmp_path):
    (tmp_path / "scores").mkdir()
    (tmp_path / "scores" / "a.parquet").write_bytes(b"PAR1 half a file")
    with pytest.raises(DataError, match=r"a.parquet cannot be read: .*run the same command again"):
        Results.load(tmp_path)


def rewritten(tmp_path, name, column):
    """A file of two rows, one column of them another one."""
    path = tmp_path / "a.parquet"
    write_rows(path, [row(image="i", score=0.5), row(image="j")])
    table = pq.read_table(path)
    pq.write_table(table.set_column(table.column_names.index(name), name, column), path)
    return path


def test_text_that_is_no_unicode_is_refused(tmp_path):
    not_text = pa.array([b"\xff", b"m"], pa.binary()).view(pa.string())
    with pytest.raises(DataError, match=r"a\.parquet cannot be read: .*UTF8"):
        read_rows([rewritten(tmp_path, "model", not_text)])


def test_a_name_of_a_column_that_is_no_unicode_is_refused(tmp_path):
    path = tmp_path / "a.parquet"
    write_rows(path, [row()])
    path.write_bytes(path.read_bytes().replace(b"explainer_note", b"explainer\xa4note"))
    with pytest.raises(DataError, match=r"a\.parquet cannot be read: .*codec can't decode"):
        read_rows([path])


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("score", pa.array(["high", "low"])),
        ("target", pa.array([0.5, 1.0])),
        ("status", pa.array(["ok", None])),
        ("curve", pa.array([1.0, 2.0])),
    ],
)
def test_a_column_of_another_type_is_refused(tmp_path, name, column):
    with pytest.raises(DataError, match=r"a\.parquet cannot be read: "):
        read_rows([rewritten(tmp_path, name, column)])


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("model", pa.array(["a", "b"], pa.large_string())),
        ("model", pa.array(["a", "b"]).dictionary_encode()),
        ("score", pa.array([1.5, None])),
        ("target", pa.array([1.0, 2.0])),
    ],
)
def test_the_types_of_other_writers_of_parquet_are_read(tmp_path, name, column):
    """pandas 3 has another kind of text, and a NaN of its own is null in the file."""
    read = read_rows([rewritten(tmp_path, name, column)])
    expected = column.to_numpy(zero_copy_only=False)
    np.testing.assert_array_equal(read[name].to_numpy(), expected)


def test_a_folder_without_results_is_named(tmp_path):
    with pytest.raises(DataError, match="no results in"):
        Results.load(tmp_path / "nowhere")


def test_the_interval_of_known_scores():
    """The mean of n = 400 draws of variance 1 / 12: half an interval is 1.96 / sqrt(12 n)."""
    scores = pd.Series(np.random.default_rng(0).uniform(size=400))
    low, high = interval(scores, pd.Series([str(i) for i in range(400)]))
    assert (high - low) / 2 == pytest.approx(1.96 * scores.std() / 20, rel=0.08)
    assert low < scores.mean() < high


def test_scores_of_one_image_count_as_one():
    """Ten copies of each score make nothing surer."""
    scores = pd.Series(np.random.default_rng(0).uniform(size=30))
    images = pd.Series([str(i) for i in range(30)])
    once = interval(scores, images)
    copies = interval(pd.concat([scores] * 10), pd.concat([images] * 10))
    np.testing.assert_allclose(once, copies)


def test_one_image_has_no_interval():
    assert all(np.isnan(interval(pd.Series([0.4, 0.6]), pd.Series(["a", "a"]))))


def test_a_constant_score_has_an_interval_of_no_width():
    assert interval(pd.Series([0.5] * 4), pd.Series(list("abcd"))) == (0.5, 0.5)


def leaderboard_rows() -> list[Row]:
    scores = {"good": (0.9, 0.1), "fair": (0.5, 0.2), "bad": (0.1, 0.3)}
    return [
        row(
            cell=f"{explainer}{metric}",
            explainer=explainer,
            metric=metric,
            image=image,
            score=value + shift,
            higher_is_better=metric == "up",
        )
        for explainer, values in scores.items()
        for metric, value in zip(("up", "down"), values, strict=True)
        for image, shift in (("i", 0.0), ("j", 0.02))
    ]


def test_the_leaderboard_is_sorted_by_mean_rank_in_each_metrics_direction(tmp_path):
    board = results(tmp_path, *reversed(leaderboard_rows())).table()
    assert [key[2] for key in board.index] == ["good", "fair", "bad"]
    assert board["rank"].tolist() == [1, 2, 3]
    assert board["up@1"].tolist() == pytest.approx([0.91, 0.51, 0.11])
    assert board["down@1"].tolist() == pytest.approx([0.11, 0.21, 0.31])


def test_versions_of_a_metric_never_share_a_column(tmp_path):
    first, second = row(score=0.1), row(cell="other", metric_version=2, score=0.9)
    board = results(tmp_path, first, second).table()
    assert board["x@1"].tolist() == [0.1]
    assert board["x@2"].tolist() == [0.9]


def test_an_unsupported_explainer_stays_on_the_board(tmp_path):
    rows = [*leaderboard_rows(), row(explainer="none", metric="up", status="unsupported", reason="why")]
    found = results(tmp_path, *rows)
    assert found.table().index[-1] == ("m", "d", "none")
    assert found.problems().to_dict("records") == [
        {
            "status": "unsupported",
            "model": "m",
            "dataset": "d",
            "explainer": "none",
            "reason": "why",
            "rows": 1,
        }
    ]


def test_intervals_count_what_is_not_ok(tmp_path):
    rows = [
        row(score=0.5),
        row(image="j", status="undefined", reason="no box"),
        row(image="k", status="failed", reason="broke"),
        row(image="l", score=0.7, degenerate=True),
    ]
    (facts,) = results(tmp_path, *rows).intervals.to_dict("records")
    assert (facts["trials"], facts["undefined"], facts["failed"], facts["degenerate"]) == (2, 1, 1, 1)
    assert facts["mean"] == pytest.approx(0.6)
    assert facts["reason"] == "no box"


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", "..", "con:x", "x\0y", "timm:resnet"])
def test_no_name_leaves_the_folder(name):
    assert set(slug(name)) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-")


def test_what_must_be_said_of_an_explainer_goes_with_its_rows(tmp_path):
    noted = row(explainer="redrawn", cell="2", explainer_note="a reconstruction")
    assert results(tmp_path, row(), noted).notes == {"a reconstruction": ["redrawn"]}


def test_results_hand_out_their_statistics(tmp_path):
    found = results(tmp_path, *leaderboard_rows())
    assert set(found.differences()["against"]) == {"best"}  # no control in it
    assert found.ties()["rank"].tolist() == [1] * 6  # two images tell nobody apart
    assert len(found.win_rates()) == 12
    assert found.ranks()["mean_rank"].tolist() == [1, 2, 3]
    assert found.agreement().set_index(["first", "second"]).loc[("up@1", "down@1"), "tau"] == 1
    with pytest.raises(DataError, match="no results of nobody on any data"):
        found.standing("nobody")


def test_a_control_that_the_manifest_names_is_compared_with(tmp_path):
    found = results(tmp_path, *leaderboard_rows())
    told = Results(found.path, found.rows, {"controls": ["fair"]}).differences()
    assert set(told.loc[told["against"] == "control", "reference"]) == {"fair"}


def test_intervals_count_every_reason(tmp_path):
    rows = [row(score=0.5), row(image="j", status="undefined", reason="no box")]
    rows += [row(image=image, status="failed", reason="broke") for image in "kl"]
    (facts,) = results(tmp_path, *rows).intervals.to_dict("records")
    assert facts["reasons"] == "failed: broke (2); undefined: no box (1)"


def test_what_describes_takes_no_part_in_ranks(tmp_path):
    scores = {"good": 0.9, "bad": 0.1}
    rows = [
        row(
            explainer=name,
            cell=f"{name}-{metric}",
            metric=metric,
            image=f"i{i}",
            ranks=ranks,
            score=score if ranks else 1 - score,
        )
        for name, score in scores.items()
        for metric, ranks in (("up", True), ("cost", False))
        for i in range(3)
    ]
    found = results(tmp_path, *rows)
    assert found.table()["rank"].to_dict() == {("m", "d", "good"): 1.0, ("m", "d", "bad"): 2.0}
    assert found.ranks().set_index("explainer")["mean_rank"].to_dict() == {"good": 1.0, "bad": 2.0}
    assert set(found.table().columns) >= {"up@1", "cost@1"}


def test_what_describes_ranks_where_there_is_nothing_else(tmp_path):
    rows = [row(explainer=e, cell=e, score=s, ranks=False) for e, s in (("a", 0.2), ("b", 0.4))]
    assert results(tmp_path, *rows).table()["rank"].tolist() == [1.0, 2.0]


def test_the_former_name_of_the_problems_warns_and_works(tmp_path):
    results = toy_run(tmp_path, "activation", limit=1)
    with pytest.warns(DeprecationWarning, match="problem_sentences"):
        assert results.told_problems() == results.problem_sentences()
