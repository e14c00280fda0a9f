import subprocess
import sys

import pytest
import typer
from reports import ready
from typer.testing import CliRunner

from xaibench.api import DataError
from xaibench.cli.commands import report
from xaibench.report.page.build import readable_size

app = typer.Typer()
app.command()(report.report)


def said(*arguments) -> str:
    done = CliRunner().invoke(app, [str(each) for each in arguments], env={"COLUMNS": "200"})
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


def test_the_report_is_written_beside_the_results(tmp_path):
    found = ready(tmp_path / "run")
    told = said(found)
    path = found / "report.html"
    assert told == f"{path}: {readable_size(path.stat().st_size)}, 4 images with 12 maps\n"


def test_or_where_it_is_asked_for(tmp_path):
    said(ready(tmp_path / "run"), "--output", tmp_path / "new" / "talk.html")
    assert (tmp_path / "new" / "talk.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert not (tmp_path / "run" / "report.html").exists()


def test_where_no_maps_are_kept_it_says_how_to_keep_them(tmp_path):
    assert "no maps are kept there; run with --gallery 40" in said(ready(tmp_path / "run", maps=0))


def test_a_folder_without_results_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no results in"):
        said(tmp_path)


def test_its_help_has_examples():
    told = said("--help")
    assert "xaibench report results/run-1a2b3c4d" in told
    assert "--gallery" in told


def test_it_opens_no_torch(tmp_path):
    found = ready(tmp_path / "run")
    script = (
        "import sys; from xaibench.cli import main; sys.argv = ['xaibench', 'report', sys.argv[1]]\n"
        "try: main()\nexcept SystemExit as end: assert not end.code\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script, str(found)], check=True)
    assert (found / "report.html").exists()
