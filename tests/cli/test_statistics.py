import subprocess
import sys

import numpy as np
import pytest
import typer
from tables import folder, rows
from typer.testing import CliRunner

from xaibench.api import ConfigError
from xaibench.cli.commands import compare, show, stats

app = typer.Typer()
for verb in (show.show, stats.stats, compare.compare):
    app.command(verb.__name__)(verb)

NAMES = ["cam", "other", "random"]


def scores(n=14, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 1)) + np.array([2.0, 1.99, 0.0]) + 0.1 * rng.normal(size=(n, 3))


def said(*arguments, code=0) -> str:
    done = CliRunner().invoke(app, [str(each) for each in arguments], env={"COLUMNS": "200"})
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, done.output
    return done.output


@pytest.fixture
def before(tmp_path):
    return folder(tmp_path / "a", rows(scores(), NAMES, explainer_version=1))


def test_show_says_who_may_be_best_and_how_many_images_would_halve_the_set(before):
    shown = said("show", before)
    line = next(line for line in shown.splitlines() if line.strip().startswith("cam "))
    assert line.split()[3:5] == ["●", "1–2"]  # noqa: RUF001  # a range
    line = next(line for line in shown.splitlines() if line.strip().startswith("random"))
    assert line.split()[3] == "3"
    assert "cam or other may be best on these 14 images" in shown
    assert "images would be needed to halve the set of the best" in shown
    assert "score" not in shown.splitlines()[2]


def test_show_says_when_one_is_best(tmp_path):
    shown = said("show", folder(tmp_path / "a", rows(scores()[:, [0, 2]], ["cam", "random"])))
    assert "cam is best on these 14 images; no control was run" in shown


def test_show_of_one_explainer_and_one_image(tmp_path):
    shown = said("show", folder(tmp_path / "a", rows([[0.5]], ["cam"])))
    assert "cam is the only explainer that is ranked on 1 image" in shown


def test_show_counts_what_has_no_score(tmp_path):
    table = scores()
    table[:3, 0] = np.nan
    shown = said("show", folder(tmp_path / "a", rows(table, NAMES)))
    line = next(line for line in shown.splitlines() if line.strip().startswith("cam "))
    assert line.split()[-1] == "3"
    assert "undefined m on d, cam: no box (3 rows)" in shown


def test_stats_prints_and_writes(before, tmp_path):
    shown = said("stats", before)
    assert "x@1 ↑: m on d" in shown
    assert "ranks over all metrics: m on d" in shown
    assert (before / "statistics" / "differences.csv").exists()
    said("stats", before, "--output", tmp_path / "elsewhere")
    assert (tmp_path / "elsewhere" / "agreement.png").exists()


def test_stats_of_next_to_nothing(tmp_path):
    lacking = folder(tmp_path / "a", rows([[np.nan, np.nan]], ["cam", "other"]))
    assert "undefined m on d, cam: no box (1 rows)" in said("stats", lacking)
    said("stats", folder(tmp_path / "b", rows([[0.5]], ["cam"])))


def changed(tmp_path, shift):
    after = scores()
    after[:, 0] += shift
    return folder(tmp_path / "b", rows(after, NAMES, explainer_version=2))


def test_compare_ends_with_3_on_a_regression_and_only_if_asked(before, tmp_path):
    after = changed(tmp_path, -0.2)
    shown = said("compare", before, after)
    line = next(line for line in shown.splitlines() if "cam" in line)
    assert line.split()[1:7] == [
        "cam",
        "(1",
        "→",
        "2)",
        f"{scores()[:, 0].mean():.3f}",
        f"{scores()[:, 0].mean() - 0.2:.3f}",
    ]
    assert line.split()[-1] == "worse"
    assert "regression" in said("compare", before, after, "--fail-on", "regression", code=3)
    said("compare", before, after, "--fail-on", "regression", "--explainer", "other,random")
    said("compare", before, after, "--fail-on", "regression", "--metric", "x", code=3)


def test_compare_ends_with_0_where_it_is_better_or_the_same(before, tmp_path):
    assert "better" in said("compare", before, changed(tmp_path, 0.2), "--fail-on", "regression")
    assert "equal" in said("compare", before, before, "--fail-on", "regression")


def test_compare_keeps_versions_of_a_metric_apart_and_checks_nothing(before, tmp_path):
    other = folder(tmp_path / "b", rows(scores(), NAMES, metric_version=2))
    shown = said("compare", before, other)
    assert "only in A m on d, cam, other, random, x@1" in shown
    assert "only in B m on d, cam, other, random, x@2" in shown
    assert "x@1 and x@2 (A and B) are kept apart" in shown
    with pytest.raises(ConfigError, match="nothing in common, so nothing was checked"):
        said("compare", before, other, "--fail-on", "regression")


def test_compare_names_lost_scores(before, tmp_path):
    after = scores()
    after[:2, 1] = np.nan
    other = folder(tmp_path / "b", rows(after, NAMES, reason="flat map"))
    shown = said("compare", before, other, "--fail-on", "regression", code=3)
    assert "lost 2 scores of other, x@1: flat map" in shown
    assert "no score m on d, other, x: B: undefined: flat map (2)" in shown


def test_compare_of_names_that_neither_has_is_an_error(before):
    with pytest.raises(ConfigError, match="neither folder has results"):
        said("compare", before, before, "--explainer", "nobody")


@pytest.mark.parametrize("verb", ["stats", "compare"])
def test_asking_opens_no_pandas(verb):
    code = (
        f"import sys\nsys.argv = ['xaibench', '{verb}', '--help']\nfrom xaibench.cli import main\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code\n"
        "assert not {'torch', 'pandas', 'scipy', 'matplotlib'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
