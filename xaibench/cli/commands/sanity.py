"""`xaibench sanity`: does an explainer depend on what it is to explain?"""

import csv
from dataclasses import asdict
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from xaibench.api.errors import ConfigError
from xaibench.cli.names import completing

if TYPE_CHECKING:
    from xaibench.engine.tools.sanity import Sanity
    from xaibench.engine.tools.sanity_checks import Examined, SanityCheck

REFERENCES = {"grad-cam": "must pass", "guided-backprop": "must fail", "edge": "sees the picture only"}
CASCADE, OTHER_CLASS = "parameter-randomisation-live", "random-logit"
COLOURS = {"pass": "green", "fail": "bold red", "undefined": "yellow"}


def sanity(
    explainer: Annotated[
        str,
        typer.Argument(
            help="As in `xaibench list explainers`.", autocompletion=completing("explainers")
        ),
    ],
    model: Annotated[
        str,
        typer.Option(
            help="As in `xaibench list models`; guided backprop needs one of ReLUs.",
            autocompletion=completing("models"),
        ),
    ] = "scenes-cnn",
    data: Annotated[
        str, typer.Option(help="As in `xaibench list datasets`.", autocompletion=completing("datasets"))
    ] = "scenes",
    limit: Annotated[int, typer.Option(help="How many examples.", min=2)] = 24,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    output: Annotated[
        Path | None, typer.Option(help="Folder; results/sanity-<explainer>-<model> if not given.")
    ] = None,
) -> None:
    """Check that an explainer depends on weights and class, and on neither batch nor chance.

    The weights are drawn anew from the logits down (Adebayo et al. 2018), another class is asked about
    (Sixt et al. 2020), flat maps are counted, images are explained alone and again. Beside it, for
    reference: Grad-CAM, which must pass; guided back-propagation, the negative control that must fail
    (on a network of ReLUs; elsewhere it does not apply); edges, which never see the network.

    Ends with code 0 if every check is passed, else 1.

    Example:
      xaibench sanity layer-cam --model efficientnet-lite0 --data cutouts --limit 8
    """
    from xaibench.cli.display.progress import Progress
    from xaibench.engine.discovery.registry import installed  # the next opens torch
    from xaibench.engine.tools.sanity import examine
    from xaibench.engine.tools.sanity_checks import HALF_WAY
    from xaibench.report.cascade import draw_cascade

    with Progress(Console(stderr=True)) as progress:
        report = examine(
            installed(), explainer, list(REFERENCES), model, data, CASCADE, OTHER_CLASS, limit, seed,
            progress,
        )  # fmt: skip
    folder = output or Path("results") / f"sanity-{explainer}-{model}".replace("/", "-").replace(
        ":", "-"
    )
    everybody = (report.examined, *report.references)
    curves = {
        labelled(e, report): (e.band.mean, e.band.low, e.band.high)
        for e in everybody
        if e.band is not None
    }
    title = f"{explainer} on {model}, {data}"
    note = (
        f"{report.images} images; bands: 95 % bootstrap intervals over images. Each stage's weights are "
        "drawn anew and stay so; batch norms are measured again on white noise."
    )
    draw_cascade(folder / "cascade.png", curves, HALF_WAY, title, note)
    write(folder / "checks.csv", everybody)
    console = Console()
    console.print(verdicts(report, title))
    console.print(beside(report))
    for examined in report.references:
        if examined.missing:
            typer.echo(f"no reference by {examined.explainer}: {examined.missing}")
    passed = report.examined.passed
    text = "[green]passes[/]" if passed else "[bold red]does not pass[/]"
    console.print(
        f"{escape(explainer)} {text} on {escape(model)}; {escape(str(folder / 'cascade.png'))}"
    )
    raise typer.Exit(0 if passed else 1)


def labelled(examined: "Examined", report: "Sanity") -> str:
    """In the picture's legend."""
    role = REFERENCES.get(examined.explainer)
    return (
        f"{examined.explainer} ({role})"
        if role and examined is not report.examined
        else examined.explainer
    )


def verdicts(report: "Sanity", title: str) -> Table:
    """A row a check of the explainer."""
    table = Table(title=escape(title), title_justify="left", header_style="bold", show_lines=True)
    table.add_column("check", no_wrap=True)
    table.add_column("value, 95 % interval", no_wrap=True)
    table.add_column("what was measured, and why it matters", ratio=1)
    for check in report.examined.checks:
        verdict = f"[{COLOURS[check.verdict]}]{check.verdict}[/]"
        text = f"{check.measured}{'; ' if check.note else ''}{check.note}"
        table.add_row(
            escape(check.name),
            f"{verdict}: {number(check)}\nat most {check.threshold:g}",
            f"{escape(text)}\n[dim]{escape(check.why)}[/]",
        )
    table.caption, table.caption_justify = f"{report.images} images", "left"
    return table


def beside(report: "Sanity") -> Table:
    """The same checks of the references."""
    table = Table(title="for reference", title_justify="left", header_style="bold")
    table.add_column("check", no_wrap=True)
    known = [examined for examined in report.references if examined.checks]
    for examined in known:
        table.add_column(
            f"{escape(examined.explainer)}\n{REFERENCES[examined.explainer]}", justify="right"
        )
    for i, check in enumerate(report.examined.checks):
        others = [examined.checks[i] for examined in known]
        cells = [f"{other.value:.2g} [{COLOURS[other.verdict]}]{other.verdict}[/]" for other in others]
        table.add_row(escape(check.name), *cells)
    return table


def number(check: "SanityCheck") -> str:
    """A value over its interval."""
    if isnan(check.low):
        return f"{check.value:.2g}"
    return f"{check.value:.3f}\n{check.low:.3f} to {check.high:.3f}"


def write(path: Path, everybody: "tuple[Examined, ...]") -> None:
    """All checks as CSV, a row an explainer and check."""
    rows = [{"explainer": e.explainer, **asdict(check)} for e in everybody for check in e.checks]
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error}; choose another --output") from error
