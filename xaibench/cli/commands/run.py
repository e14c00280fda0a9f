"""`xaibench run`: the grid, from names to a leaderboard."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from xaibench.api.errors import ConfigError
from xaibench.cli.names import completing, split

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xaibench.engine.run.block_run import Part

EXAMPLES = """Run explainers on models and data, score them, and print who explains best.

With no options: EfficientNet-Lite0 on real photographs and cut-outs, and a small CNN and a small ViT \
on generated scenes, by six explainers and three more regulated by conceptors. The same command again \
goes on where it was stopped.

Examples:

  xaibench run

  xaibench run --models timm:resnet50 --data cutouts --limit 20

  xaibench run --models scenes-vit --data scenes --explainers cam,layer-cam

  xaibench run --models timm:resnet50 --data imagenet:PATH --sample 500 --seed 1

  xaibench run --data cutouts --gallery 40   # more maps in the report's gallery

  xaibench run --config mine.toml   # more in it later adds only that

  xaibench run --config mine.toml --shard 2/8   # then: xaibench merge

  xaibench run --config mine.toml --executor ray --address HOST:PORT   # pip install xaibench-ray

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
    dtype: Annotated[
        str | None,
        typer.Option(help="Of metrics' and perturbing explainers' forwards: float32, or bf16."),
    ] = None,
    compile_: Annotated[
        bool, typer.Option("--compile", help="Those forwards by a compiled copy of the network.")
    ] = False,
    deterministic: Annotated[
        bool,
        typer.Option("--deterministic", help="The same bits each time; what cannot be so fails."),
    ] = False,
    width: Annotated[
        int | None, typer.Option(help="Images in a forward pass; measured if not given.")
    ] = None,
    gallery: Annotated[
        int | None,
        typer.Option(help="Of how many images of each model and data set the maps are kept; 3."),
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
    keep_maps: Annotated[
        bool,
        typer.Option("--keep-maps", help="Keep all maps, for `xaibench score` to add metrics to."),
    ] = False,
    timeout: Annotated[
        float | None,
        typer.Option(
            help="Seconds of its own that a method may take for a shard before it fails; 0: any."
        ),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(help="The i-th of n parts of the work, for many machines.", metavar="i/n"),
    ] = None,
    executor: Annotated[
        str | None,
        typer.Option(help="Where it is computed, as in `xaibench list executors`; here, if not given."),
    ] = None,
    address: Annotated[
        str | None, typer.Option(help="Of the executor, such as a Ray cluster's HOST:PORT.")
    ] = None,
    executing: Annotated[
        list[str] | None,
        typer.Option(help="Settings of the executor; comma-separated or repeated.", metavar="KEY=VALUE"),
    ] = None,
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
    from xaibench.cli.commands.show import print_results
    from xaibench.cli.display.json_lines import JsonLines, plan_facts, result_facts
    from xaibench.cli.display.progress import Progress
    from xaibench.cli.display.working import working
    from xaibench.engine.run.settings import settle

    part = part_of(shard)
    told = JsonLines() if json else None
    with working(told or Progress(Console(stderr=True), quiet)) as work:
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
            dtype=dtype,
            compile=compile_ or None,
            deterministic=deterministic or None,
            width=width,
            gallery=gallery,
            keep_maps=keep_maps or None,
            timeout=timeout,
            strict=strict or None,
            executor=executor,
            address=address,
            executing=settings_of(split(executing)) or None,
        )
        folder = output or default_output(config, settings.name(), shard)
        if dry_run:
            from xaibench.cli.display.forecast_table import print_plan
            from xaibench.engine.run.forecast import forecast  # opens torch

            there = None if overwrite else folder
            forecasts = forecast(settings, None, work.observer, there, part)
        else:
            from xaibench.engine.run.run import run as run_grid  # opens torch

            work.folder = folder
            results = run_grid(settings, folder, overwrite, work.observer, part=part)
    if dry_run:
        told.write("plan", plan_facts(forecasts)) if told else print_plan(forecasts, Console())
        return
    code = int((results.scores["status"] == "failed").any())
    told.write("result", result_facts(results, code)) if told else print_results(results, Console())
    raise typer.Exit(code)


def part_of(shard: str | None) -> "Part":
    """What "i/n" means.

    Raises:
        ConfigError: it is not that.
    """
    from xaibench.engine.run.block_run import WHOLE, Part

    if shard is None:
        return WHOLE
    number, _, count = shard.partition("/")
    if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise ConfigError(f"--shard {shard}: expected i/n, such as 2/8 for the second of eight parts")
    return Part(int(number) - 1, int(count))


def settings_of(said: "Sequence[str]") -> dict[str, str | float]:
    """What "KEY=VALUE"s mean; a value that is a number is one.

    Raises:
        ConfigError: one is not that.
    """
    found: dict[str, str | float] = {}
    for one in said:
        name, _, value = one.partition("=")
        if not (name and value):
            raise ConfigError(f"--executing {one}: expected KEY=VALUE, such as gpus=0.5")
        try:
            number = float(value)
            found[name] = int(number) if number.is_integer() else number
        except ValueError:
            found[name] = value
    return found


def default_output(config: Path | None, name: str, shard: str | None) -> Path:
    """Where results go that are not sent elsewhere.

    Settings from a file go to a folder of its name, so that the file may ask for more later; those that
    lie in a results folder go on there.
    """
    if config is None:
        folder = Path("results") / name
    elif config.name == "config.toml" and (config.parent / "scores").is_dir():
        folder = config.parent
    else:
        folder = Path("results") / config.stem
    return (
        folder if shard is None else folder.with_name(f"{folder.name}-part-{shard.replace('/', '-of-')}")
    )


run.__doc__ = EXAMPLES
