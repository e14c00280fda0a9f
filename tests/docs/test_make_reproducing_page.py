"""docs/reproducing.md says what the data say, and no figure that nobody has checked."""

import importlib.util

import readme

from xaibench.results.published import protocols

DOCS = readme.ROOT / "docs"


def script():
    spec = importlib.util.spec_from_file_location(
        "make_reproducing_page", DOCS / "make_reproducing_page.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_the_script_writes():
    written = (DOCS / "reproducing.md").read_text(encoding="utf-8")
    assert written == script().page(protocols().values())


def test_only_checked_figures_are_on_the_page():
    made = script()
    for protocol in protocols().values():
        said = made.entry(protocol)
        for method, figures in protocol.figures.items():
            for figure in figures:
                assert (f"| {figure:g} |" in said) == protocol.verified, (protocol.name, method)
        assert ("unverified" in said) == (not protocol.verified)
