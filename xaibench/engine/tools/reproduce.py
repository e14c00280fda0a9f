"""A paper's protocol as the settings of a run, and what must be said of its outcome."""

from pathlib import Path
from typing import Any

from xaibench.api.errors import ConfigError, XaibenchError
from xaibench.engine.discovery.registry import Registry
from xaibench.engine.plan.config import Config, make_config
from xaibench.results.published import Protocol
from xaibench.results.results import Results

RANDOM = "=random"
FEW = 10  # images: fewest at which tests hold intervals of scores of every kind to their rate
STAND_IN = "STAND-IN"  # what the reservation about random weights begins with


def config_of(
    protocol: Protocol, data: str, model: str = "", limit: int | None = None, **settings: Any
) -> Config:
    """The run that a protocol asks for.

    Args:
        protocol: of a paper.
        data: "NAME:PATH", of the protocol's data set.
        model: instead of the protocol's.
        limit: so many examples, from the data set's start, instead of all.
        settings: seed, device, width.

    Raises:
        ConfigError: the protocol needs what we lack, or other data.
    """
    if protocol.lacks:
        raise ConfigError(f"protocol {protocol.name!r} cannot be run: we lack {protocol.lacks}")
    name = data.partition(":")[0]
    if name != protocol.data:
        raise ConfigError(f"protocol {protocol.name!r} is of {protocol.data}; found --data {data}")
    plain: dict[str, Any] = {
        "grid": [{"models": [model or protocol.model], "data": [data]}],
        "explainers": list(dict.fromkeys(protocol.explainers.values())),
        "metrics": [metric.ours for metric in protocol.metrics],
        "settings": protocol.settings,
    }
    if protocol.first_classes is not None:
        plain["classes"] = [str(index) for index in range(protocol.first_classes)]
    if limit is not None:
        plain["limit"] = limit
    elif protocol.sample is not None:
        plain["sample"] = protocol.sample
    given = {key: value for key, value in settings.items() if value is not None}
    return make_config({**plain, **given}, f"protocol {protocol.name!r}")


def try_model(name: str, registry: Registry) -> None:
    """Load a model once, so that what is wrong with it is told before anything is done.

    Raises:
        ConfigError: it cannot be loaded; says how to give its weights.
    """
    try:
        registry.model(name).load()()
    except XaibenchError as error:
        plain = name.partition("=")[0]
        raise ConfigError(
            f"{error} Or give them yourself: --models {plain}=FILE; --models {plain}{RANDOM} tries the "
            "protocol without, as a stand-in"
        ) from error


def reservations(protocol: Protocol, config: Config, results: Results) -> list[str]:
    """What a reader must know before comparing; the gravest first."""
    (model,), (data,) = config.grid[0].models, config.grid[0].data
    images = results.scores.loc[results.scores["image"] != "", "image"].nunique()
    sentences = []
    if model.endswith(RANDOM):
        sentences.append(
            f"{STAND_IN}: the weights are random. These numbers show that the protocol runs, and "
            "nothing about the method or the paper"
        )
    elif model != protocol.model:
        sentences.append(f"the model is {model}, and the protocol's {protocol.model}")
    if images != protocol.images:
        theirs = f"not {protocol.images:,}" if protocol.images else "how many they had is not known"
        sentences.append(f"{images:,} images of {Path(data.partition(':')[2]).name}, {theirs}")
    if images < FEW:
        sentences.append(
            f"intervals of fewer than {FEW} images may hold the mean less often than 95 % of the time"
        )
    if not protocol.verified:
        sentences.append("the published figures have not been checked against their source: not shown")
    if not protocol.preprocessing:
        sentences.append("their preprocessing is not known to be ours: the whole image, resized")
    return sentences + list(protocol.differs)
