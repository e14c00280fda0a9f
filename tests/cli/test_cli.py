import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from xaibench.results.results import Results

RUN = [
    *("run", "--models", "scenes-cnn", "--data", "scenes", "--explainers", "grad-cam,layer-cam"),
    *("--metrics", "deletion-28", "--metrics", "pointing-game", "--limit", "2", "--width", "16"),
]


def xaibench(*arguments: str, cwd: Path | None = None, code: int = 0) -> str:
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "xaibench", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        *(["--help"], ["--version"], ["plugins"], ["list"], ["run", "--help"]),
        *(["doctor", "--no-device"], ["doctor", "--help"]),
        ["figure", "conceptors", "--help"],
        ["sanity", "--help"],
        ["new", "--help"],
        ["data", "inspect", "--help"],
        *(["train", "--help"], ["study", "attention", "--help"], ["list", "architectures"]),
    ],
)
def test_asking_opens_no_torch_and_is_quick(arguments):
    code = (
        "import sys, time\n"
        f"sys.argv = ['xaibench', *{arguments!r}]\n"
        "from xaibench.cli import main\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code, stop.code\n"
        "assert 'torch' not in sys.modules and 'pandas' not in sys.modules\n"
        "assert time.process_time() < 1, time.process_time()\n"  # of this process: others may be busy
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_list_names_everything_that_can_be_used():
    said = xaibench("list")
    for name in (
        "efficientnet-lite0",
        "timm:NAME",
        "small-resnet[:NAME]",
        "conceptor-cam",
        "deletion-28",
        "cutouts",
    ):
        assert name in said
    said = xaibench("list", "explainers")
    assert "deletion" not in said
    assert len(re.findall(r"independent\s+reconstruction", said)) == 2
    said = xaibench("list", "modifiers")
    assert "NAME+conceptors-sharp" in said
    assert len(re.findall(r"independent\s+reconstruction", said)) == 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "out"
    said = xaibench(*RUN, "--output", str(folder))
    assert "scenes-cnn on scenes" in said
    assert "grad-cam" in said
    return folder


def test_run_leaves_tables_a_picture_and_a_manifest(folder):
    results = Results.load(folder)
    assert set(results.scores["explainer"]) == {"grad-cam", "layer-cam", "random", "center", "edge"}
    assert set(results.scores["metric"]) == {"deletion-28", "pointing-game"}
    assert (results.scores["status"] == "ok").all()
    assert results.manifest["command"].startswith("xaibench run --models scenes-cnn")
    with Image.open(folder / "gallery.png") as picture:
        assert min(picture.size) > 200
    assert "2 images with 10 maps" in (folder / "report.html").read_text(encoding="utf-8")


def test_show_prints_the_leaderboard_again(folder):
    said = xaibench("show", str(folder))
    assert "scenes-cnn on scenes" in said
    assert "mean" in said


def test_the_written_config_runs_the_same_again(folder, tmp_path):
    config, again = folder / "config.toml", tmp_path / "again"
    xaibench("run", "--config", str(config), "--output", str(again), "--quiet")
    first, second = Results.load(folder).scores, Results.load(again).scores
    np.testing.assert_array_equal(first["score"], second["score"])


def test_flags_are_laid_over_a_config(tmp_path):
    (tmp_path / "mine.toml").write_text(
        'metrics = ["pointing-game"]\nlimit = 1\ngallery = 0\nwidth = 8\n'
        '[[grid]]\nmodels = ["scenes-cnn"]\ndata = ["scenes"]\n'
    )
    out = tmp_path / "out"
    arguments = ("--config", str(tmp_path / "mine.toml"), "--explainers", "cam", "--output", str(out))
    xaibench("run", *arguments, "--gallery", "1")
    assert "1 image with 4 maps" in (out / "report.html").read_text(encoding="utf-8")
    rows = Results.load(out).scores
    assert set(rows["explainer"]) == {"cam", "random", "center", "edge"}
    assert set(rows["metric"]) == {"pointing-game"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--models", "scenes-cn"], "no model called 'scenes-cn'; did you mean 'scenes-cnn'?"),
        (["run", "--explainers", "gradcam"], "did you mean 'grad-cam'?"),
        (["run", "--explainers", "cam+conceptor"], "did you mean 'conceptors'?"),
        (["run", "--data", "nowhere"], "no data set called 'nowhere'"),
        (["run", "--config", "missing.toml"], "config missing.toml cannot be read"),
        (["run", "--limit", "0"], "limit is 0; it must be at least 1"),
        (["run", "--device", "cuda:99"], "device 'cuda:99' cannot be used"),
        (["show", "nowhere"], "no results in nowhere"),
        (["explain", "missing.jpg", "--model", "scenes-cnn"], "image 'missing.jpg' cannot be read"),
    ],
)
def test_errors_are_one_line_with_the_cure(arguments, message, tmp_path):
    said = xaibench(*arguments, cwd=tmp_path, code=2)
    assert message in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("limit = 'x'", r"Expected `int \| null`, got `str` - at `\$.limit`"),
        ("limits = 3", "no setting 'limits'; did you mean 'limit'"),
        ("limit = ", "is not TOML"),
        ("seed = 1", "missing required field `grid`"),
    ],
)
def test_a_wrong_config_says_where(toml, message, tmp_path):
    (tmp_path / "x.toml").write_text(toml)
    assert re.search(message, xaibench("run", "--config", "x.toml", cwd=tmp_path, code=2))


def test_a_run_with_failures_says_so_by_its_exit_code(tmp_path):
    data = tmp_path / "cut"
    data.mkdir()
    (data / "x.png").write_bytes(b"no picture")
    (data / "classes.csv").write_text("file,classes\nx.png,3\n")
    arguments = ("--models", "efficientnet-lite0", "--data", f"cutouts:{data}", "--explainers", "cam")
    said = xaibench("run", *arguments, "--output", str(tmp_path / "out"), "--width", "1", code=1)
    assert "failed" in said
    assert "x.png" in said


def test_what_must_be_said_of_a_modifier_is_said_of_what_it_modifies(tmp_path):
    Image.new("RGB", (64, 64), "red").save(tmp_path / "red.png")
    arguments = ("--model", "scenes-cnn", "--explainer", "layer-cam+conceptors-sharp")
    said = xaibench("explain", "red.png", *arguments, cwd=tmp_path)
    assert "layer-cam+conceptors-sharp: independent reconstruction from the abstract" in said


def test_models_inspect_says_where_a_model_is_looked_into():
    said = xaibench("models", "inspect", "scenes-vit@blocks.1")
    for part in ("blocks.1", "tokens, 8x8, 128 channels", "VisionTransformer", "64x64", "blocks.2"):
        assert part in said


def test_a_dry_run_prints_the_plan_and_writes_nothing(tmp_path):
    said = xaibench(
        *("run", "--models", "scenes-cnn", "--data", "scenes", "--limit", "3", "--dry-run"),
        *("--explainers", "grad-cam,score-cam,raw-attention", "--metrics", "deletion-28", "--quiet"),
        cwd=tmp_path,
    )
    assert "scenes-cnn on scenes" in said
    assert "score-cam" in said
    assert "unsupported scenes-cnn on scenes, raw-attention: it has no attention" in said
    assert "nothing was run or written" in said
    assert list(tmp_path.iterdir()) == []
