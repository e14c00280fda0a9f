"""The contract of commands: functions that become commands of the command line."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import typer

from xaibench.api.specs import Command
from xaibench.engine.discovery.registry import installed, pick
from xaibench.testing.common.contract import IS_LOADED, Broken, Contract, Verdict, check, described_error

OF_COMMANDS = Contract()


@dataclass(frozen=True)
class CommandSubject:
    """A command under trial."""

    spec: Command

    @property
    def title(self) -> str:
        """For people."""
        return f"command {self.spec.words!r}"

    def load(self) -> None:
        """Import it."""
        self.spec.load()

    def trials(self) -> Iterator[tuple[str, Command]]:
        """One: the command."""
        yield "", self.spec


def check_command(command: Command | str, *, only: Collection[str] = ()) -> tuple[Verdict, ...]:
    """Try the whole contract on a command; it is read by typer and never called.

    Args:
        command: a spec, or the words of an installed one, "GROUP NAME".
        only: the clauses to try; all where not given.

    Returns:
        What came of each clause: kept, or not asked with the reason.

    Raises:
        ContractBroken: says of each broken clause what was expected, what came, and why it matters.
        UnknownName: there is no such command, or no such clause.
    """
    spec = pick("command", command, installed().commands) if isinstance(command, str) else command
    return check(CommandSubject(spec), CONTRACT, only)


def read_by_typer(spec: Command) -> Any:
    """The command that typer makes of the function; raises what typer does."""
    app = typer.Typer(add_completion=False)
    app.command(spec.name)(spec.load())
    return typer.main.get_command(app)


@OF_COMMANDS.clause("parameters", "a call would end with an error before it began.", essential=True)
def parameters(spec: Command) -> None:
    """Typer can read the parameters."""
    try:
        read_by_typer(spec)
    except Exception as error:  # whatever typer makes of the annotations
        raise Broken("parameters annotated for typer", described_error(error)) from error


@OF_COMMANDS.clause("help", "`--help` would show options without saying what the command does.")
def help_text(spec: Command) -> None:
    """The function has a docstring, which is its help."""
    if not read_by_typer(spec).help:
        raise Broken("a docstring", "none")


CONTRACT = (IS_LOADED, *OF_COMMANDS)
