"""docs/plugins.md names the clauses that there are."""

import importlib.util

import readme

DOCS = readme.ROOT / "docs"


def test_the_table_is_what_the_script_writes():
    spec = importlib.util.spec_from_file_location("make_plugins_page", DOCS / "make_plugins_page.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (DOCS / "plugins.md").read_text(encoding="utf-8") == module.page()
    assert module.table() in module.page()
