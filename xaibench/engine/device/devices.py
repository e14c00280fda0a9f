"""Where a worker computes."""

from platform import platform
from typing import Any

import torch

from xaibench.api.errors import ConfigError


def device_of(name: str) -> torch.device:
    """The device called `name`; "auto": the first GPU, or else the CPU.

    Raises:
        ConfigError: there is no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(
            f"device {name!r} cannot be used: {str(error).splitlines()[0]}; try --device cpu"
        ) from error
    return device


def device_facts(device: torch.device) -> dict[str, Any]:
    """What a manifest says of a device."""
    return {
        "name": str(device),
        "hardware": torch.cuda.get_device_name(device) if device.type == "cuda" else platform(),
        "threads": torch.get_num_threads(),
    }
