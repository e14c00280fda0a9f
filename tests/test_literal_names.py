"""Every name that our plugins offer, and where its function lies, stands literally in the source."""

import ast
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import xaibench
from xaibench.engine.discovery.registry import KINDS, collect

PLUGINS = Path(xaibench.__file__).parents[1] / "plugins"
OURS = ("xaibench_models", "xaibench_explainers", "xaibench_metrics", "xaibench_datasets")


@cache
def literals() -> frozenset[str]:
    """Return every string that stands whole in a source file of ours; parts of f-strings are none."""
    strings = set[str]()
    for file in (file for room in OURS for file in (PLUGINS / room).rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        composed = {
            id(part)
            for node in ast.walk(tree)
            if isinstance(node, ast.JoinedStr)
            for part in node.values
        }
        strings |= {
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in composed
        }
    return frozenset(strings)


@pytest.mark.parametrize("kind", KINDS)
def test_names_and_places_can_be_found_with_grep(kind):
    offered = getattr(collect([p for p in entry_points(group="xaibench") if p.name in OURS]), kind)
    for spec in offered.values():
        if not spec.at.startswith("xaibench."):  # the core's own executor
            assert spec.name in literals(), spec.name
            assert spec.at in literals(), spec.at


def test_a_name_that_is_composed_is_not_literal():
    assert "insertion-28" in literals()
    assert "insertion-2" not in literals()
