"""Commands of plugins. Entry points are read only when no command of xaibench itself has the name."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from xaibench.api.errors import PluginError
from xaibench.api.specs import Command
from xaibench.engine.discovery.registry import installed

ROOT = "xaibench"
SUMMARIES = {  # of groups that any plugin may add commands to
    "figure": "Draw the figures of a lecture or a paper.",
    "calibrate": "Choose settings on images that no run evaluates.",
}


class PluginCommand(TyperCommand):
    """A command of a plugin. Its module is imported when the command is called or its help is shown."""

    def __init__(self, spec: Command) -> None:
        super().__init__(spec.name, help=spec.summary)
        self.spec = spec

    def loaded(self) -> Any:
        """Return the command that typer makes of the plugin's function.

        Raises:
            PluginError: the function cannot be imported, or typer cannot read its parameters.
        """
        app = typer.Typer(add_completion=False)
        app.command(self.spec.name)(self.spec.load())
        try:
            return typer.main.get_command(app)
        except Exception as error:  # typer checks annotations, which are the plugin's
            raise PluginError(
                f"command {self.spec.words!r} cannot be read from {self.spec.at!r}: "
                f"{type(error).__name__}: {error}"
            ) from error

    def make_context(self, *arguments: Any, **settings: Any) -> Any:
        """Parse a call by the parameters of the plugin's function."""
        return self.loaded().make_context(*arguments, **settings)


class PluginGroup(TyperGroup):
    """A group of commands, or all of xaibench, to which plugins add theirs."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands; where plugins offer the same twice, our own."""
        with suppress(PluginError):
            self.add_plugins()
        return super().list_commands(ctx)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command called `cmd_name`, or None; plugins are read where it is not our own."""
        if cmd_name not in self.commands:
            self.add_plugins()
        return super().get_command(ctx, cmd_name)

    def add_plugins(self) -> None:
        """Add the commands that plugins offer for this group, and to the root the groups they name."""
        commands = installed().commands.values()
        if self.name != ROOT:
            added: Iterable[Any] = (PluginCommand(spec) for spec in commands if spec.group == self.name)
        else:
            groups = dict.fromkeys(spec.group for spec in commands if spec.group)
            added = [group_of(group, commands) for group in groups]
            added += [PluginCommand(spec) for spec in commands if not spec.group]
        for command in added:
            self.commands.setdefault(command.name, command)


def group_of(name: str, commands: Iterable[Command]) -> PluginGroup:
    """Return a group that exists by the commands of plugins; its help shows their examples."""
    examples = [spec.example for spec in commands if spec.group == name and spec.example]
    text = SUMMARIES.get(name, "Commands of plugins.")
    if examples:
        heading = "Example:" if len(examples) == 1 else "Examples:"
        text += f"\n\n{heading}\n" + "\n\n".join(f"  {ROOT} {example}" for example in examples)
    return PluginGroup(name=name, help=text, no_args_is_help=True)
