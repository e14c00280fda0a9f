"""`xaibench run`: the grid, from names to a leaderboard."""

from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_origin

import typer
from rich.console import Console

from xaibench.api.errors import ConfigError
from xaibench.cli.names import completing, split
from xaibench.engine.plan.config import is_stored
from xaibench.engine.plan.part import WHOLE, part_of
from xaibench.engine.plan.setting_fields import Setting, settings_of_a_run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COMPLETED = ("explainers", "metrics")
PATHS = ("subset",)  # may have commas in them
NO_OPTION = ("settings",)  # tables within a table are for files

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

  xaibench run --config mine.toml --part 2/8   # then: xaibench merge

  xaibench run --config mine.toml --executor ray --address HOST:PORT   # pip install xaibench-ray

  xaibench run --explainers rise,grad-cam --dry-run

  xaibench run --models scenes-cnn --data scenes --json
"""


def run(
    models: Annotated[
        list[str] | None,
        typer.Option(
            help="Models, as in `xaibench list`; comma-separated or repeated.",
            autocompletion=completing("models"),
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
    full: Annotated[
        bool, typer.Option("--full", help="Take the papers' 224 steps, and all images.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option(help="Folder of the results; results/<name> if not given.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="TOML file of settings; options are laid over it.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Begin anew in a folder that holds a run.")
    ] = False,
    part: Annotated[
        str | None,
        typer.Option(
            help="Do the i-th of n parts of the work, for n machines; `xaibench merge` joins them.",
            metavar="i/n",
        ),
    ] = None,
    shard: Annotated[str | None, typer.Option(hidden=True)] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Print the plan: cells, what is unsupported, forwards, time."),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the leaderboard only.")] = False,
    json: Annotated[
        bool,
        typer.Option("--json", help="Print one JSON object per line: progress, then the result."),
    ] = False,
    **settings: Any,
) -> None:
    """Run explainers on models and data, score them, and print who explains best."""
    from xaibench.cli.commands.show import print_results
    from xaibench.cli.display.json_lines import JsonLines, plan_facts, result_facts
    from xaibench.cli.display.progress import Progress
    from xaibench.cli.display.working import working
    from xaibench.engine.run.settings import settle

    if shard is not None:
        raise ConfigError(f"--shard {shard} is called --part {shard} now")
    share = part_of(part) if part else WHOLE
    lines = JsonLines() if json else None
    with working(lines or Progress(Console(stderr=True), quiet)) as command:
        whole = settle(config, split(models), split(data), full=full, **typed(settings))
        folder = output or default_output(config, whole.name(), part)
        if dry_run:
            from xaibench.cli.display.forecast_table import print_plan
            from xaibench.engine.run.forecast import forecast  # opens torch

            present = None if overwrite else folder
            forecasts = forecast(whole, None, command.observer, present, share)
        else:
            from xaibench.engine.run.run import run as run_grid  # opens torch

            command.folder = folder
            results = run_grid(whole, folder, overwrite, command.observer, part=share)
    if dry_run:
        lines.write("plan", plan_facts(forecasts)) if lines else print_plan(forecasts, Console())
        return
    code = int((results.scores["status"] == "failed").any())
    lines.write("result", result_facts(results, code)) if lines else print_results(results, Console())
    raise typer.Exit(code)


def options() -> list[Parameter]:
    """Return an option for each setting of `Config`, in its order, with its description as help."""
    return [
        Parameter(each.name, Parameter.KEYWORD_ONLY, default=None, annotation=option(each))
        for each in settings_of_a_run()
        if each.name not in NO_OPTION
    ]


def option(setting: Setting) -> Any:
    """Return the type of a setting's option, with its help; not given, it leaves the file's setting."""
    text = setting.description
    if setting.type is bool:
        flag = f"--{setting.name.replace('_', '-')}"
        return Annotated[bool | None, typer.Option(flag, help=text)]
    if setting.type in (int, float, int | None):
        number = float if setting.type is float else int
        return Annotated[number | None, typer.Option(help=text)]
    if get_origin(setting.type) is dict:
        return Annotated[
            list[str] | None,
            typer.Option(help=f"{text} Comma-separated or repeated.", metavar="KEY=VALUE"),
        ]
    if setting.type is str or get_origin(setting.type) is Literal:
        return Annotated[str | None, typer.Option(help=text)]
    text = f"{text} {'Repeated.' if setting.name in PATHS else 'Comma-separated or repeated.'}"
    complete = completing(setting.name) if setting.name in COMPLETED else None
    return Annotated[list[str] | None, typer.Option(help=text, autocompletion=complete)]


def typed(settings: "Mapping[str, Any]") -> dict[str, Any]:
    """Return the settings that options gave, as `Config` takes them."""
    plain = dict[str, Any]()
    for name, value in settings.items():
        if value is None or value is False:
            continue
        if name == "executing":
            plain[name] = settings_of(split(value))
        else:
            plain[name] = value if name in PATHS or not isinstance(value, list) else split(value)
    return plain


def settings_of(pairs: "Sequence[str]") -> dict[str, str | float]:
    """Return the settings that some "KEY=VALUE" give; a value that is a number becomes one.

    Raises:
        ConfigError: one of them has no key or no value.
    """
    settings: dict[str, str | float] = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        if not (name and value):
            raise ConfigError(f"--executing {pair}: expected KEY=VALUE, such as gpus=0.5")
        try:
            number = float(value)
            settings[name] = int(number) if number.is_integer() else number
        except ValueError:
            settings[name] = value
    return settings


def default_output(config: Path | None, name: str, part: str | None) -> Path:
    """Return the folder of a run for which --output names none.

    Settings from a file go to a folder of its name, so that the file may ask for more later; those that
    lie in a results folder go on there.
    """
    if config is None:
        folder = Path("results") / name
    elif is_stored(config):
        folder = config.parent
    else:
        folder = Path("results") / config.stem
    return folder if part is None else part_of(part).folder(folder)


run.__doc__ = EXAMPLES
run.__signature__ = Signature([*list(signature(run).parameters.values())[:-1], *options()])  # type: ignore[attr-defined]
run.__annotations__ = {each.name: each.annotation for each in signature(run).parameters.values()}
