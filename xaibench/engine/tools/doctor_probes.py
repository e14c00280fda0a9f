"""What only another process can be trusted to find out: does torch open, and where do weights lie.

A broken torch raises, hangs or kills the process that imports it. Each probe is a process of its own
that writes a JSON object a line, so that what it found before it was stopped is not lost.

    python -m xaibench.engine.tools.doctor_probes device
    python -m xaibench.engine.tools.doctor_probes weights MODEL ...
"""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any

from xaibench.api.specs import Model
from xaibench.engine.discovery.registry import described, installed
from xaibench.engine.discovery.requirements import written_against

RANDOM = "random"
LAST = 300  # characters of what a process that died has said


@dataclass(frozen=True)
class ProbeProcess:
    """A process that is looking, while other things are told."""

    process: "subprocess.Popen[str]"

    @classmethod
    def start(cls, *arguments: str) -> "ProbeProcess":
        """Begin to look."""
        command = [sys.executable, "-m", __name__, *arguments]
        pipe = subprocess.PIPE
        return cls(
            subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True)
        )

    def results(self, seconds: float) -> tuple[list[dict[str, Any]], str]:
        """What it found, and why that is not all; "" where it is.

        Args:
            seconds: how long to wait; what has not ended by then is killed.
        """
        why = ""
        try:
            output, errors = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            output, errors = self.process.communicate()
            return lines_of(output), f"no answer within {seconds:g} s"
        code = self.process.returncode
        if code < 0:
            why = f"ended by {signal.Signals(-code).name}"
        elif code:
            why = (errors.strip().splitlines() or [f"exit code {code}"])[-1][:LAST]
        return lines_of(output), why


def lines_of(text: str) -> list[dict[str, Any]]:
    """The JSON objects among the lines; a library may print what it likes between them."""
    objects = []
    for line in text.splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            objects.append(value)
    return objects


def device_facts_of() -> Iterator[dict[str, Any]]:
    """Open torch, use it, open what is written against it; a line each."""
    import torch

    ones = torch.ones(2, 3, 8, 8)
    total = float(torch.nn.functional.conv2d(ones, torch.ones(1, 3, 3, 3)).sum())
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    yield {
        "name": "torch",
        "works": total == 2 * 36 * 27,
        "threads": torch.get_num_threads(),
        "devices": [torch.cuda.get_device_name(i) for i in range(gpus)],
    }
    for library in written_against("torch"):
        try:
            import_module(library)
        except Exception as error:  # whatever its import raises is what is to be told
            yield {"name": library, "works": False, "why": described(error)}
        else:
            yield {"name": library, "works": True}


def weight_facts_of(names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Where the weights of some models lie; a line each."""
    for name in names:
        try:
            path, why = place_of(installed().model(name))
        except Exception as error:  # a plugin's, or a library's that it asks
            yield {"name": name, "path": "", "there": False, "why": described(error)}
        else:
            exists = path is None or path.exists()
            yield {"name": name, "path": str(path or ""), "there": exists, "why": why}


def place_of(spec: Model) -> tuple[Path | None, str]:
    """Where a model's weights lie or would lie, or None and why there is no such place."""
    weights = str(spec.settings.get("weights", ""))
    if weights == RANDOM:
        return None, "drawn at random"
    find, takes = None, set[str]()
    if spec.stored:
        module, _, function = spec.stored.partition(":")
        find = getattr(import_module(module), function)
        takes = set(signature(find).parameters)
    if weights and "weights" not in takes:
        return Path(weights), "the file named"
    if spec.folder:
        return Path(str(spec.settings["name"])), "the folder named"
    if find is None:
        return None, "its plugin does not say where they lie"
    return Path(find(**{name: value for name, value in spec.settings.items() if name in takes})), ""


def main(arguments: Sequence[str]) -> None:
    """Print what one probe finds, each line at once."""
    kind, *names = arguments
    for facts in device_facts_of() if kind == "device" else weight_facts_of(names):
        print(json.dumps(facts), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
