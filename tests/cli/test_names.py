"""What a shell is told when the Tab key is pressed."""

import os
import subprocess
import sys

import pytest

from xaibench.cli.names import completed_kinds, completing, split


def completed(typed: str) -> list[str]:
    """As bash asks: the words so far, the last of which is incomplete."""
    words = typed.split(" ")
    environment = {
        **os.environ,
        "_XAIBENCH_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(words) - 1),
    }
    code = (
        "import sys; sys.argv = ['xaibench']\n"
        "from xaibench.cli import main\n"
        "try:\n    main()\nfinally:\n"
        "    assert 'torch' not in sys.modules and 'pandas' not in sys.modules\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("xaibench run --explainers grad-cam,layer", "grad-cam,layer-cam"),
        ("xaibench run --explainers grad-cam+con", "grad-cam+conceptors"),
        ("xaibench run --models effi", "efficientnet-lite0"),
        ("xaibench run --models tim", "timm:"),
        ("xaibench run --data phot", "photos"),
        ("xaibench run --metrics deletion-2", "deletion-28"),
        ("xaibench sanity layer", "layer-cam"),
        ("xaibench data inspect cut", "cutouts"),
        ("xaibench train small-v", "small-vit"),
        ("xaibench list mod", "modifiers"),
        ("xaibench doc", "doctor"),
        ("xaibench data ver", "verify"),
    ],
)
def test_names_are_completed_from_the_registry_without_torch(typed, expected):
    found = completed(typed)
    assert expected in found
    last = typed.rpartition(" ")[2]
    assert all(name.startswith(last) for name in found)


def test_every_shell_has_a_script():
    for shell in ("bash", "zsh", "fish"):
        environment = {**os.environ, "_XAIBENCH_COMPLETE": f"source_{shell}"}
        command = [sys.executable, "-m", "xaibench"]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        assert done.returncode == 0
        assert "_XAIBENCH_COMPLETE=complete_" in done.stdout.replace(" ", "")


def test_what_is_completed_says_what_it_is():
    found = completing("metrics")("pointing-game")[0]
    assert found[0] == "pointing-game"
    assert "peak" in found[1]


def test_only_the_name_behind_the_last_comma_is_completed():
    assert [name for name, _ in completing("explainers")("a,b,hire")] == ["a,b,hirescam"]
    assert "grad-cam+++conceptors" in [name for name, _ in completing("explainers")("grad-cam+++c")]
    assert completing("explainers")("no-such+c") == []
    assert completed_kinds("m") == ["models", "modifiers", "metrics"]
    assert split(["a, b", "c"]) == ("a", "b", "c")
