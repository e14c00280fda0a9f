"""What plugins may count on changes only on purpose."""

import ast
import subprocess
import sys
from difflib import unified_diff
from pathlib import Path

import pytest
import readme

from xaibench.api import API_VERSION

SNAPSHOT = Path(__file__).with_name("surface.txt")
RELEASED = Path(__file__).with_name("released")  # a file a release, the snapshot as it was
DEPRECATED = frozenset(  # lines of the newest of them that went, each with its reason
    {
        # What `**settings` took are keywords of their own; `shard` is refused with its new name.
        "def xaibench.run(models=(), data=(), *, "
        "output=None, overwrite=False, config=None, full=False, observer=None, **settings)",
    }
)
VERSION = "xaibench.api.API_VERSION = "
COMMAND = "python tests/api/surface.py > tests/api/surface.txt"


def test_public_names_and_signatures_are_those_of_the_snapshot():
    command = [sys.executable, str(Path(__file__).with_name("surface.py"))]
    now = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    then = SNAPSHOT.read_text(encoding="utf-8")
    changed = "\n".join(unified_diff(then.splitlines(), now.splitlines(), "snapshot", "now", n=0))
    assert not changed, (
        f"xaibench, xaibench.api or xaibench.testing changed:\n{changed}\n"
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


def test_what_the_newest_release_had_is_still_there_or_was_deprecated():
    newest = max(RELEASED.glob("*.txt"), key=lambda path: [int(part) for part in path.stem.split(".")])
    then, now = (path.read_text(encoding="utf-8").splitlines() for path in (newest, SNAPSHOT))
    gone = missing(then, now)
    assert not gone - DEPRECATED, (
        f"of {newest.name}, gone or changed:\n" + "\n".join(sorted(gone - DEPRECATED)) + "\n"
        "Plugins made for that release break. Keep it working with a DeprecationWarning as long as "
        "docs/plugins.md says, then name the line in DEPRECATED; or raise API_VERSION."
    )


def missing(then, now):
    """Lines that nothing keeps; none where the version of the API rose."""
    if version_of(now) > version_of(then):
        return set()
    known = {name_of(line): line for line in now}
    return {line for line in then if not kept(line, known.get(name_of(line), ""))}


def version_of(lines):
    return next(int(line.removeprefix(VERSION)) for line in lines if line.startswith(VERSION))


def name_of(line):
    return line.partition(" (optional)")[0].partition("(")[0].partition(" = ")[0]


def kept(then, now):
    """The same, or with what any release may add: optional parameters, and words to a tuple of them."""
    if now in (then, f"{then} (optional)") or now.startswith(f"{then} = "):
        return True
    if " = (" in then and not then.startswith(" "):  # a constant; a field's default may not change
        return is_longer(then, now)
    signatures = "(" in then and " = " not in then.partition("(")[0] and not then.startswith("class ")
    return signatures and "(optional)" not in then and "(" in now and may_be_called(then, now)


def is_longer(then, now):
    try:
        before, after = (ast.literal_eval(line.partition(" = ")[2]) for line in (then, now))
    except (SyntaxError, ValueError):  # no literals
        return False
    return isinstance(after, tuple) and set(before) <= set(after)


def may_be_called(then, now):
    """Whether every call of the one before is one of this."""
    (names, given, keywords), (later, later_given, later_keywords) = map(parameters, (then, now))
    added = {**later_given, **later_keywords}
    news = set(later) - set(names) | set(later_keywords) - set(keywords)
    before = {**given, **keywords}
    same = all(name in added and default in (None, added[name]) for name, default in before.items())
    return later[: len(names)] == names and same and all(added[name] is not None for name in news)


def parameters(line):
    """Positional names; and the default, or None, of each of them and of each keyword."""
    asked = ast.parse(f"def f({line.partition('(')[2]}: pass").body[0].args
    places = [*asked.posonlyargs, *asked.args]
    needed = [None] * (len(places) - len(asked.defaults))
    defaults = needed + [ast.unparse(one) for one in asked.defaults]
    names = [one.arg for one in places]
    keywords = {
        one.arg: default and ast.unparse(default)
        for one, default in zip(asked.kwonlyargs, asked.kw_defaults, strict=True)
    }
    for rest in filter(None, (asked.vararg, asked.kwarg)):
        keywords[rest.arg] = "any"
    return names, dict(zip(names, defaults, strict=True)), keywords


@pytest.mark.parametrize(
    ("then", "now"),
    [
        ("def a.f(x, y=1)", "def a.f(x, y=1, z=2)"),
        ("def a.f(x)", "def a.f(x, *, z=2)"),
        ("def a.f(x, *, y)", "def a.f(x=1, *, y=1)"),
        ("  a.C.name", "  a.C.name = ''"),
        ("a.NEEDS = ('boxes',)", "a.NEEDS = ('boxes', 'masks')"),
    ],
)
def test_what_any_release_may_add_is_kept(then, now):
    assert missing([f"{VERSION}1", then], [f"{VERSION}1", now]) == set()


@pytest.mark.parametrize(
    ("then", "now"),
    [
        ("def a.f(x)", "def a.g(x)"),
        ("def a.f(x, y=1)", "def a.f(x)"),
        ("def a.f(x, y=1)", "def a.f(x, y=2)"),
        ("def a.f(x, y)", "def a.f(y, x)"),
        ("def a.f(x)", "def a.f(x, y)"),
        ("def a.f(x)", "def a.f(x, *, y)"),
        ("def a.f(x, *, y)", "def a.f(x)"),
        ("class a.C(Spec)", "class a.C()"),
        ("  a.C.name = ''", "  a.C.name"),
        ("  a.C.needs = ()", "  a.C.needs = ('boxes',)"),
        ("  a.C.settings (optional)", "  a.C.settings"),
        ("a.NEEDS = ('boxes',)", "a.NEEDS = ('masks',)"),
        ("a.Maps = Float[Tensor, 'B H W']", "a.Maps = Float[Tensor, 'B 1 H W']"),
    ],
)
def test_what_breaks_plugins_needs_a_deprecation_or_another_version(then, now):
    assert missing([f"{VERSION}1", then], [f"{VERSION}1", now]) == {then}
    assert missing([f"{VERSION}1", then], [f"{VERSION}2", now]) == set()


@pytest.mark.parametrize(
    "line",
    [
        "xaibench.api.types.Maps = Float[Tensor, 'B H W']",
        "def xaibench.explain(model, images, ",
        "class xaibench.Results(",
        "  xaibench.api.Explainer.version = 1",
    ],
)
def test_the_snapshot_has_types_and_defaults_and_what_everybody_imports(line):
    assert any(found.startswith(line) for found in SNAPSHOT.read_text(encoding="utf-8").splitlines())
