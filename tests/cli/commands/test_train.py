from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from xaibench.cli import main
from xaibench.results.results import Results

TRAIN = [
    *("train", "small-resnet:se", "--data", "scenes-large", "--set", "count=24", "--size", "16"),
    *("--epochs", "1", "--batch", "8"),
]


def xaibench(*arguments: str, code: int = 0) -> str:
    """What the command line says, in this process: none of its own needs another."""
    said = StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said), redirect_stderr(said):
        patch.setattr("sys.argv", ["xaibench", *arguments])
        patch.setenv("COLUMNS", "200")
        patch.setenv("NO_COLOR", "1")
        with pytest.raises(SystemExit) as stop:
            main()
    assert (stop.value.code or 0) == code, said.getvalue()
    return said.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("training") / "mine"
    said = xaibench(*TRAIN, "--output", str(folder))
    assert "mine: epoch 1/1, loss " in said
    assert "on the 24 images of scenes-large that a run evaluates, all unseen" in said
    assert f"next: xaibench run --models checkpoint:{folder} --data scenes-large" in said
    return folder


def test_what_was_trained_is_benchmarked_by_its_folder(folder, tmp_path):
    arguments = ("--models", f"checkpoint:{folder}", "--data", "scenes-large", "--limit", "2")
    methods = ("--explainers", "cam,layer-cam", "--metrics", "pointing-game", "--width", "4")
    xaibench("run", *arguments, *methods, "--output", str(tmp_path / "out"))
    scores = Results.load(tmp_path / "out").scores
    assert set(scores["model"]) == {"checkpoint:mine"}  # where it lies is no part of it
    assert set(scores["status"]) == {"ok"}
    assert set(scores["layer"]) == {"blocks"}


def test_it_is_not_asked_about_classes_that_it_was_not_trained_on(folder, tmp_path):
    arguments = ("--models", f"checkpoint:{folder}", "--data", "photos", "--explainers", "cam")
    said = xaibench("run", *arguments, "--output", str(tmp_path / "out"), "--width", "4")
    assert "knows the classes of 'scenes-10'" in said
    assert set(Results.load(tmp_path / "out").scores["status"]) == {"unsupported"}


def test_the_same_command_again_finds_it_finished(folder):
    assert "1 epochs are there already" in xaibench(*TRAIN, "--output", str(folder))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "smal-vit"], "no architecture called 'smal-vit'; did you mean 'small-vit'?"),
        (["train", "small-vit", "--data", "nowhere"], "no data set called 'nowhere'"),
        (["train", "small-vit", "--epochs", "0"], "epochs is 0; it must be at least 1"),
        (["train", "small-vit", "--set", "count"], "expected NAME=VALUE"),
        (["run", "--models", "checkpoint", "--data", "scenes"], "say which, as in 'checkpoint:NAME'"),
    ],
)
def test_errors_are_one_line_with_the_cure(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = xaibench(*arguments, code=2)
    assert message in said
    assert "Traceback" not in said


def test_a_folder_that_is_not_there_is_rows_with_the_reason(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = xaibench("run", "--models", "checkpoint:nowhere", "--data", "scenes-large", code=1)
    assert "there is no checkpoint folder nowhere; `xaibench train` makes one" in said


def test_settings_of_a_data_set_are_read_as_what_they_look_like():
    from xaibench.cli.commands.train import name_and_value

    said = ["count=7", "share=0.5", "split=train", "fine=True", "folder=a=b"]
    assert [name_and_value(text) for text in said] == [
        ("count", 7),
        ("share", 0.5),
        ("split", "train"),
        ("fine", True),
        ("folder", "a=b"),
    ]


@pytest.mark.slow
def test_folds_print_a_table(tmp_path):
    arguments = ("--set", "count=60", "--folds", "2", "--metrics", "pointing-game", "--explained", "2")
    said = xaibench(*TRAIN, *arguments, "--output", str(tmp_path / "folds"))
    assert "grad-cam pointing-game" in said
    assert "sd of" in said
    assert (tmp_path / "folds" / "folds.csv").exists()
