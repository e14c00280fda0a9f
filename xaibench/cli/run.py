"""`xaibench run`: the grid, from names to a leaderboard."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from xaibench.cli.names import completing, split

EXAMPLES = """Run explainers on models and data, score them, and print who explains best.

With no options: EfficientNet-Lite0 on real photographs and cut-outs, and a small CNN and a small ViT \
on generated scenes, by six explainers and three more regulated by conceptors. The same command again \
goes on where it was stopped.

Examples:

  xaibench run

  xaibench run --models timm:resnet50 --data cutouts --limit 20

  xaibench run --models scenes-vit --data scenes --explainers cam,layer-cam

  xaibench run --models timm:resnet50 --data imagenet:PATH --sample 500 --seed 1

  xaibench run --config mine.toml --output results/mine

  xaibench run --explainers rise,grad-cam --dry-run

  xaibench run --models scenes-cnn --data scenes --json
"""


def run(
    models: Annotated[
        list[str] | None,
        typer.Option(
            help="As in `xaibench list`; comma-separated or repeated.",
            autocompletion=completing("models"),
        ),
    ] = None,
    explainers: Annotated[
        list[str] | None,
        typer.Option(
            help="Explainers, as in `xaibench list`; the default's nine if not given.",
            autocompletion=completing("explainers"),
        ),
    ] = None,
    metrics: Annotated[
        list[str] | None,
        typer.Option(
            help="Metrics, as in `xaibench list`, or all; the default's three if not given.",
            autocompletion=completing("metrics"),
        ),
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(
            help="Data sets, NAME or NAME:PATH.",
            metavar="NAME[:PATH]",
            autocompletion=completing("datasets"),
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(help="How many examples of each data set, from its start.")
    ] = None,
    sample: Annotated[
        int | None,
        typer.Option(help="How many images of each data set, drawn by --seed, stratified by class."),
    ] = None,
    classes: Annotated[
        list[str] | None,
        typer.Option(help="Ask about these classes only; names or indices, comma-separated."),
    ] = None,
    subset: Annotated[
        list[Path] | None,
        typer.Option(help="Exactly these images: another run's subset-DATA.json; one a data set."),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="The papers' 224 steps, and all images.")] = False,
    device: Annotated[
        str | None, typer.Option(help="cpu, cuda, cuda:1, ...; found if not given.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of everything random.")] = None,
    width: Annotated[
        int | None, typer.Option(help="Images in a forward pass; measured if not given.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder for the results; results/<name> if not given.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="Settings as TOML; flags are laid over them.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Begin anew in a folder that holds a run.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="A broken plugin is an error.")] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Print the plan: cells, what is unsupported, forwards, time."),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the leaderboard only.")] = False,
    json: Annotated[
        bool,
        typer.Option("--json", help="One JSON object a line: progress, then the result."),
    ] = False,
) -> None:
    """Run explainers on models and data, score them, and print who explains best."""
    from xaibench.cli.json_lines import JsonLines, plan_facts, result_facts
    from xaibench.cli.progress import Progress
    from xaibench.cli.show import print_results
    from xaibench.engine.settings import settle

    told = JsonLines() if json else None
    folder = output
    try:
        with told or Progress(Console(stderr=True), quiet) as progress:
            settings = settle(
                config,
                split(models),
                split(data),
                full=full,
                explainers=split(explainers),
                metrics=split(metrics),
                limit=limit,
                sample=sample,
                classes=split(classes),
                subset=tuple(map(str, subset or ())),
                device=device,
                seed=seed,
                width=width,
                strict=strict or None,
            )
            folder = output or Path("results") / settings.name()
            if dry_run:
                from xaibench.cli.plan import print_plan
                from xaibench.engine.forecast import forecast  # opens torch

                forecasts = forecast(settings, observer=progress)
            else:
                from xaibench.engine.run import run as run_grid  # opens torch

                results = run_grid(settings, folder, overwrite, progress)
    except KeyboardInterrupt:
        typer.echo(f"\nstopped; {folder} has what is finished; the same command goes on", err=True)
        raise typer.Exit(130) from None
    if dry_run:
        told.write("plan", plan_facts(forecasts)) if told else print_plan(forecasts, Console())
        return
    code = int((results.scores["status"] == "failed").any())
    told.write("result", result_facts(results, code)) if told else print_results(results, Console())
    raise typer.Exit(code)


run.__doc__ = EXAMPLES
