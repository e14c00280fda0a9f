"""`xaibench study`: ready experiments, from training to table and figure."""

import os
from pathlib import Path
from time import monotonic
from typing import Annotated

import typer
from rich.console import Console

from xaibench.cli.names import split

app = typer.Typer(no_args_is_help=True)


@app.callback()
def studies() -> None:
    """Carry out a ready study.

    Example:
      xaibench study attention --attentions se,eca
    """


@app.command("attention")
def attention(
    seeds: Annotated[int, typer.Option(help="Trainings of each network; of the ViT one.")] = 3,
    epochs: Annotated[int, typer.Option(help="Of each training; of the ViT half more.")] = 12,
    count: Annotated[int, typer.Option(help="Scenes that are drawn to train on.")] = 8000,
    limit: Annotated[int, typer.Option(help="Unseen scenes that are explained.")] = 60,
    attentions: Annotated[
        list[str] | None, typer.Option(help="timm's attention layers besides CBAM, such as se,eca.")
    ] = None,
    workers: Annotated[int, typer.Option(help="Trainings at a time; 0: as many as cores.")] = 0,
    output: Annotated[Path, typer.Option(help="Folder of the study.")] = Path("results/study-attention"),
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the tables only.")] = False,
) -> None:
    """Does attention help the model to focus? The same backbone with and without, over several seeds.

    Trains a small residual network plain, with CBAM, with timm's layers by name, and a small ViT, all
    alike, and compares them by accuracy, the pointing game, energy inside the mask, insertion and
    deletion, paired by training and scene. Writes tables as CSV and Markdown and a figure. The same
    command goes on where it was stopped.

    Example:
      xaibench study attention --attentions se,eca
    """
    from rich.markdown import Markdown  # slow to import, and the start of every command would wait

    from xaibench.cli.display.training import ExplainingProgress, TrainingProgress
    from xaibench.engine.discovery.registry import installed
    from xaibench.train import attention_study as study  # opens torch
    from xaibench.train.study import carry_out

    began, at_once = monotonic(), workers or os.cpu_count() or 1
    registry = study.with_measures(installed())
    design = study.design(split(attentions), seeds, epochs, count, limit, registry)
    errors = Console(stderr=True)
    try:
        with TrainingProgress(errors, quiet) as trainings:
            explaining = ExplainingProgress(trainings)
            findings = carry_out(design, output, registry, at_once, trainings, explaining)
    except KeyboardInterrupt:
        typer.echo(f"\nstopped; {output} has what is finished; the same command goes on", err=True)
        raise typer.Exit(130) from None
    study.draw_study(output / "figure.png", output, design, registry)
    pages = {
        "differences": study.differences_page(findings),
        "trainings": study.trainings_page(findings),
        "means": study.means_page(findings),
    }
    console = Console()
    for name, page in pages.items():
        (output / f"{name}.md").write_text(page + "\n", encoding="utf-8")
        console.print(Markdown(page))
    spent, times = monotonic() - began, os.times()
    busy = times.user + times.system + times.children_user + times.children_system
    cost = (
        f"{seeds} trainings of each, {limit} unseen scenes; {spent:,.0f} s and {busy:,.0f} s of "
        f"processors in this call, {at_once} trainings at a time"
    )
    (output / "cost.txt").write_text(cost + "\n", encoding="utf-8")
    console.print(cost, highlight=False)
    for name in ("figure.png", *(f"{name}.md" for name in pages), "scores.csv"):
        console.print(f"[dim]{output / name}[/]", highlight=False)
