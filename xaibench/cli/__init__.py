"""The command line: a file a verb; the only place that prints. Plugins add commands of their own."""

import sys

import typer
from rich.console import Console

from xaibench.api.errors import XaibenchError
from xaibench.cli.commands import (
    compare,
    data,
    doctor,
    explain,
    export,
    merge,
    models,
    new,
    plugins,
    report,
    reproduce,
    run,
    sanity,
    score,
    show,
    stats,
    study,
    train,
    validate,
)
from xaibench.cli.commands import list as listing
from xaibench.cli.plugin_commands import ROOT, PluginGroup

app = typer.Typer(
    name=ROOT,
    cls=PluginGroup,
    help="Which explanation method should I trust for this model, on this data, and how sure are we?\n\n"
    "Examples:\n\n  xaibench run\n\n  xaibench doctor\n\n  xaibench --install-completion bash",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run.run)
app.command("train")(train.train)
app.add_typer(study.app, name="study", cls=PluginGroup)
app.command("score")(score.score)
app.command("merge")(merge.merge)
app.command("validate")(validate.validate)
app.command("show")(show.show)
app.command("report")(report.report)
app.command("stats")(stats.stats)
app.command("compare")(compare.compare)
app.command("export")(export.export)
app.command("explain")(explain.explain)
app.command("reproduce")(reproduce.reproduce)
app.command("sanity")(sanity.sanity)
app.command("list")(listing.list_names)
app.command("plugins")(plugins.plugins)
app.command("doctor")(doctor.doctor)
app.command("new")(new.new)
app.add_typer(models.app, name="models", cls=PluginGroup)
app.add_typer(data.app, name="data", cls=PluginGroup)


def version(wanted: bool) -> None:
    """Print the version and leave."""
    if wanted:
        from xaibench import __version__

        print(f"xaibench {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: bool | None = typer.Option(
        False, "--version", help="Print the version.", callback=version, is_eager=True
    ),
) -> None:
    """Options of the whole command."""


def main() -> None:
    """Run the command line; an error of ours is one line, not a traceback."""
    try:
        app(prog_name="xaibench")
    except XaibenchError as error:
        Console(stderr=True).print(f"[bold red]error[/] {type(error).__name__}:", end=" ")
        print(error, file=sys.stderr)
        sys.exit(2)
