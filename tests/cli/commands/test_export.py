import pandas as pd
import pytest
import tables
from typer.testing import CliRunner

from xaibench.api import ConfigError
from xaibench.cli import app
from xaibench.results.results import Results


def export(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["export", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture
def folder(tmp_path):
    return str(tables.folder(tmp_path / "r", tables.rows([[0.5, 0.25], [0.75, 0.5]])))


@pytest.mark.parametrize(
    ("to", "begins"),
    [
        ("csv", "model,dataset,"),
        ("markdown", "m on d"),
        ("latex", "% \\use"),
        ("html", "<!doctype html>"),
    ],
)
def test_a_format_goes_to_the_output_or_into_a_file(to, begins, folder, tmp_path):
    said = export(folder, "--to", to)
    assert said.startswith(begins)
    file = tmp_path / "deep" / "file"
    assert export(folder, "--to", to, "--output", str(file)).strip() == str(file)
    assert file.read_bytes().decode("utf-8") == said


def test_parquet_holds_the_rows_themselves(folder, tmp_path):
    file = tmp_path / "scores.parquet"
    export(folder, "--to", "parquet", "--what", "scores", "--output", str(file))
    expected = Results.load(folder).scores.reset_index(drop=True)
    pd.testing.assert_frame_equal(pd.read_parquet(file), expected)


def test_a_tidy_table_is_csv(folder):
    assert len(export(folder, "--to", "csv", "--what", "intervals").splitlines()) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--to", "latex", "--what", "scores"], "scores is a tidy table: --to csv or --to parquet"),
        (["--to", "parquet"], "say where it goes with --output FILE"),
        (["--to", "csv", "--output", "/dev/null/x"], "cannot be written"),
    ],
)
def test_what_cannot_be_written_says_why(arguments, message, folder):
    with pytest.raises(ConfigError, match=message):
        export(folder, *arguments)
