"""Every verb's help has an example, and what it says can be typed."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import readme
import typer
from typer.testing import CliRunner

from xaibench.cli import app
from xaibench.cli.plugin_commands import PluginCommand

ROOT = typer.main.get_command(app)


def commands(command=ROOT, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    """The root, every group and every verb, with the words that lead there."""
    yield path, command.loaded() if isinstance(command, PluginCommand) else command
    if getattr(command, "commands", None) is not None:
        context = typer.Context(command)
        for name in command.list_commands(context):
            yield from commands(command.get_command(context, name), (*path, name))


ALL = dict(commands())


def lines_in(help_text: str) -> list[str]:
    """The commands below "Example:" or "Examples:", those that && joins each by itself."""
    _, _, examples = help_text.partition("Example")
    lines = [line.strip() for line in examples.splitlines()]
    joined = [part.strip() for line in lines for part in line.split("&&")]
    return [line for line in joined if line.startswith("xaibench ")]


def lines_of(page: Path) -> list[str]:
    """The commands of a page's code, those that && joins each by itself."""
    text = page.read_text(encoding="utf-8")
    code = re.findall(r"^```sh\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    code += re.findall(r"^    (.*)$", text, flags=re.MULTILINE)
    lines = [line for block in code for line in block.replace("\\\n", " ").splitlines()]
    joined = [part.strip() for line in lines for part in line.split("&&")]
    return [part for part in joined if part.startswith("xaibench ")]


def parse(line: str) -> tuple[str, ...]:
    """Have the option parsers read a line, down to the verb, and run nothing; the verb's words."""
    words = shlex.split(line, comments=True)[1:]
    command, path = ROOT, ()
    context = command.make_context("xaibench", list(words), resilient_parsing=False)
    while getattr(command, "commands", None) is not None:
        rest = [*context._protected_args, *context.args]
        name, command, rest = command.resolve_command(context, rest)
        path = (*path, name)
        if getattr(command, "commands", None) is not None and not rest:
            break
        context = command.make_context(name, rest, parent=context)
    return path


def test_the_whole_tree_is_looked_at():
    assert {("run",), ("study", "attention"), ("data", "verify"), ("doctor",)} <= set(ALL)
    assert {("figure", "conceptors"), ("calibrate", "conceptors")} <= set(ALL)


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help_has_an_example_that_parses(path):
    lines = lines_in(ALL[path].help)
    assert lines, f"no example in the help of {' '.join(path)}"
    taken = []
    for line in lines:
        if line == "xaibench --install-completion bash":  # eager: it would write to the shell's files
            continue
        taken.append(parse(line))
    assert any(found[: len(path)] == path for found in taken)


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help_is_printed(path):
    done = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "200"})
    assert done.exit_code == 0
    for line in lines_in(ALL[path].help):
        assert " ".join(line.split()) in " ".join(done.stdout.split())


def test_a_line_that_cannot_be_typed_is_found():
    for wrong in ("xaibench run --limits 3", "xaibench dance", "xaibench run --limit three"):
        with pytest.raises(Exception, match=r"No such (option|command)|valid integer"):
            parse(wrong)


PAGES = sorted(
    page.relative_to(readme.ROOT)
    for page in (
        readme.ROOT / "README.md",
        *(readme.ROOT / "docs").glob("*.md"),
        *(readme.ROOT / "plugins").glob("*/README.md"),
    )
    if lines_of(page)
)


def test_every_kind_of_page_is_looked_at():
    assert {"README.md", "start.md", "choose.md", "lecture.md"} <= {page.name for page in PAGES}
    assert len(lines_of(readme.ROOT / "README.md")) > 10


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_what_a_page_says_to_type_can_be_typed(page):
    for line in lines_of(readme.ROOT / page):
        assert parse(line), line
