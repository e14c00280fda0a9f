"""`xaibench doctor`: what is installed, what is wrong with it, and what to type to mend it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from xaibench.cli.names import completing, split

if TYPE_CHECKING:
    from xaibench.engine.tools.doctor import Finding
    from xaibench.engine.tools.doctor_probes import ProbeProcess

    Judge = Callable[[Sequence[Mapping[str, Any]], str], Iterable[Finding]]

MARKS = {"ok": "[green]ok[/]", "note": "[yellow]note[/]", "wrong": "[bold red]wrong[/]"}


def doctor(
    models: Annotated[
        list[str] | None,
        typer.Option(
            help="Look for the weights of these too, as in `xaibench list models`.",
            autocompletion=completing("models"),
        ),
    ] = None,
    output: Annotated[Path, typer.Option(help="Folder that results are to go to.")] = Path("results"),
    device: Annotated[
        bool, typer.Option("--device/--no-device", help="Open torch, in a process of its own.")
    ] = True,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for torch.", min=0)] = 60.0,
) -> None:
    """Look at what is installed, tell what is wrong, and what to type to mend it.

    Versions are read from the packages' metadata; torch is opened in another process and may take its
    time or fail there. Ends with code 1 if the default run would not work, else 0.

    Example:
      xaibench doctor --models timm:resnet50,torchvision:vgg16
    """
    from xaibench.engine.discovery.registry import installed
    from xaibench.engine.discovery.requirements import requirements
    from xaibench.engine.tools import doctor as look
    from xaibench.engine.tools.doctor_probes import ProbeProcess

    names = list(dict.fromkeys([*look.default_models(), *split(models)]))
    weights = ProbeProcess.start("weights", *names)
    opened = ProbeProcess.start("device") if device else None
    console = Console()
    wanted = requirements()
    plugins, default = look.check_registry(installed)
    parts: dict[str, Iterable[Finding]] = {
        "machine": (look.check_python(), *look.check_machine(), look.check_folder(output)),
        "packages": look.check_packages(wanted),
        "extras": look.check_extras(wanted),
        "plugins": plugins,
        "the default run": default,
        "weights": waited(weights, timeout, partial(look.judged_weights, names, look.default_models())),
        "device": waited(opened, timeout, look.judged_device) if opened else (),
    }
    everything: list[Finding] = []
    for title, part in parts.items():  # the slow ones last, when all else has been printed
        findings = list(part)
        if findings:
            console.print(part_table(title, findings))
        everything += findings
    raise typer.Exit(verdict(everything, console))


def waited(probe: "ProbeProcess", seconds: float, judge: "Judge") -> "Iterator[Finding]":
    """What a probe has found, waited for only when it is asked for."""
    yield from judge(*probe.results(seconds))


def part_table(title: str, findings: "Sequence[Finding]") -> Table:
    """A line a thing."""
    table = Table(title=title, title_justify="left", show_header=False, box=None, padding=(0, 2, 0, 0))
    table.title_style = "bold"
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        table.add_row(MARKS[finding.state], escape(finding.name), escape(finding.text))
    return table


def verdict(findings: "Sequence[Finding]", console: Console) -> int:
    """Print what to type, and whether the default run would work; the exit code."""
    for finding in findings:
        if finding.mend:
            text = f"{MARKS[finding.state]} {escape(finding.name)}: {escape(finding.mend)}"
            console.print(text, highlight=False, soft_wrap=True)
    fatal = [finding.name for finding in findings if finding.fatal]
    if fatal:
        names = escape(", ".join(dict.fromkeys(fatal)))
        console.print(f"[bold red]xaibench run would not work[/]: {names}", highlight=False)
        return 1
    console.print("[green]xaibench run has all it needs[/]", highlight=False)
    return 0
