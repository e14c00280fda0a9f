"""Commands that plugins add to the command line; a broken one costs only itself."""

import subprocess
import sys
from importlib.metadata import EntryPoint
from textwrap import dedent

import pytest
from typer.testing import CliRunner

import xaibench.cli
from xaibench.api import Command, PluginError
from xaibench.cli import plugin_commands
from xaibench.engine.discovery.registry import Registry, collect

GREETING = """
    from xaibench.api import Command, hookimpl

    def greet(name: str = "you") -> None:
        '''Greet somebody, and say more than the summary does.'''
        print(f"hello {name}")

    def unreadable(name: int | str) -> None:
        '''Take what no command line can give.'''

    @hookimpl
    def xaibench_commands():
        at = "MODULE:greet"
        return [
            Command(name="greet", at=at, summary="greet in a word"),
            Command(name="greet", group="figure", at=at, summary="greet in a picture"),
            Command(name="greet", group="data", at=at, summary="greet among data"),
            Command(name="greet", group="mine", at=at, example="mine greet --name me"),
            Command(name="run", at=at, summary="take the place of a verb of ours"),
            Command(name="lost", at="no_such_module_anywhere:lost", summary="cannot be imported"),
            Command(name="unreadable", at="MODULE:unreadable"),
        ]
"""


@pytest.fixture
def greeting(tmp_path, monkeypatch) -> Registry:
    """The registry of one plugin, which the command line takes for all that is installed."""
    (tmp_path / "greeting_plugin.py").write_text(dedent(GREETING).replace("MODULE", "greeting_plugin"))
    monkeypatch.syspath_prepend(tmp_path)
    registry = collect([EntryPoint("greeting", "greeting_plugin", "xaibench")])
    monkeypatch.setattr(plugin_commands, "installed", lambda: registry)
    yield registry
    sys.modules.pop("greeting_plugin", None)


def output(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(xaibench.cli.app, arguments, env={"COLUMNS": "200"})
    assert done.exit_code == code, done.output
    return done.output


@pytest.mark.parametrize("words", ["greet", "figure greet", "data greet", "mine greet"])
def test_a_plugins_command_runs_with_its_options(greeting, words):
    assert output(*words.split(), "--name", "them") == "hello them\n"
    assert "Greet somebody, and say more" in output(*words.split(), "--help")


def test_help_lists_commands_and_groups_of_plugins_beside_our_own(greeting):
    root = output("--help")
    for part in ("greet in a word", "figure", "mine", "cannot be imported", "Run explainers"):
        assert part in root
    assert "take the place" not in root
    assert "Run explainers on models and data" in output("run", "--help")
    assert "greet in a picture" in output("figure", "--help")
    assert "greet among data" in output("data", "--help")
    assert "xaibench mine greet --name me" in output("mine", "--help")
    assert greeting.plugins[0].offers == {"commands": 7}


def test_one_that_is_misspelt_is_answered_with_the_one_meant(greeting):
    assert "No such command 'gret'. Did you mean 'greet'" in output("gret", code=2)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "lost",
            "error PluginError: command 'lost' cannot be loaded from 'no_such_module_anywhere:lost'",
        ),
        ("unreadable", "error PluginError: command 'unreadable' cannot be read from 'greeting_plugin:"),
    ],
)
def test_a_broken_command_says_so_in_a_line(greeting, monkeypatch, capsys, words, message):
    monkeypatch.setattr(sys, "argv", ["xaibench", words])
    with pytest.raises(SystemExit) as stopped:
        xaibench.cli.main()
    assert stopped.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(message)


def test_help_is_printed_where_two_plugins_offer_the_same(monkeypatch):
    def contradicting() -> Registry:
        raise PluginError("plugins 'a' and 'b' both offer the command 'greet'")

    monkeypatch.setattr(plugin_commands, "installed", contradicting)
    assert "Run explainers" in output("--help")


def test_the_same_words_twice_name_both_plugins(tmp_path, greeting):
    twice = [EntryPoint(name, "greeting_plugin", "xaibench") for name in ("first", "second")]
    with pytest.raises(PluginError, match=r"'first' .* and 'second' .*both offer the command 'greet'"):
        collect(twice)


@pytest.mark.parametrize("words", [{"name": "two words"}, {"name": "good", "group": "Bad"}])
def test_a_name_that_cannot_be_typed_is_refused(words):
    with pytest.raises(PluginError, match="may have lower-case letters"):
        Command(at="a:b", **words)


def test_a_verb_of_ours_reads_no_plugins():
    code = (
        "import sys; sys.argv = ['xaibench', 'run', '--help']\n"
        "from xaibench.cli import main\n"
        "try:\n    main()\nfinally:\n"
        "    assert not [name for name in sys.modules if name.startswith('xaibench_')]"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
