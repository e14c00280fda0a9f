"""docs/metrics.md says what the metrics say of themselves."""

import importlib.util

import readme

from xaibench.engine.discovery.registry import installed

DOCS = readme.ROOT / "docs"


def script():
    spec = importlib.util.spec_from_file_location("make_metrics_page", DOCS / "make_metrics_page.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_the_script_writes():
    written = (DOCS / "metrics.md").read_text(encoding="utf-8")
    assert written == script().page(list(installed().metrics.values()))


def test_every_metric_has_an_entry_and_a_convention():
    ours = [m for m in installed().metrics.values() if m.at.startswith("xaibench_metrics.")]
    said = (DOCS / "metrics.md").read_text(encoding="utf-8")
    for metric in ours:
        assert f"### `{metric.name}`" in said
        assert metric.convention, metric.name
        assert metric.citation, metric.name
