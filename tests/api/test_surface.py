"""What plugins may count on changes only on purpose."""

import subprocess
import sys
from difflib import unified_diff
from pathlib import Path

import readme

from xaibench.api import API_VERSION

SNAPSHOT = Path(__file__).with_name("surface.txt")
COMMAND = "python -m xaibench.testing.surface > tests/api/surface.txt"


def test_public_names_and_signatures_are_those_of_the_snapshot():
    command = [sys.executable, "-m", "xaibench.testing.surface"]
    now = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    then = SNAPSHOT.read_text(encoding="utf-8")
    changed = "\n".join(unified_diff(then.splitlines(), now.splitlines(), "snapshot", "now", n=0))
    assert not changed, (
        f"xaibench.api or xaibench.testing changed:\n{changed}\n"
        "An addition (+ alone): take it over with\n"
        f"    {COMMAND}\n"
        "and add a line to CHANGELOG.md. Something gone or changed (-): installed plugins break. "
        "Keep the old name or parameter working with a DeprecationWarning, or raise API_VERSION, as "
        "docs/plugins.md says; then take the snapshot again."
    )


def test_the_page_says_which_version_there_is_and_how_the_snapshot_is_taken():
    page = (readme.ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    assert f"`xaibench.api.API_VERSION` is {API_VERSION}" in page
    assert COMMAND in page
