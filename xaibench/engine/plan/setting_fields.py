"""The settings of a run one by one: name, type, default and description, as `Config` defines them."""

from dataclasses import dataclass
from typing import Any, get_args, get_type_hints

from msgspec import NODEFAULT
from msgspec.structs import fields

from xaibench.engine.plan.config import Config


@dataclass(frozen=True)
class Setting:
    """A setting of a run, as `Config` defines it."""

    name: str
    type: Any
    default: Any
    description: str


def settings_of_a_run() -> list[Setting]:
    """Return every setting but the grid, which `models` and `data` stand for."""
    hints = get_type_hints(Config, include_extras=True)
    return [
        Setting(
            name=field.name,
            type=get_args(hints[field.name])[0],
            default=field.default if field.default is not NODEFAULT else field.default_factory(),
            description=get_args(hints[field.name])[1].description,
        )
        for field in fields(Config)
        if field.name != "grid"
    ]
