"""What is installed here, what is wrong with it, and what to type to mend it. Opens no torch."""

import os
import platform
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from xaibench.api.errors import XaibenchError
from xaibench.engine.discovery.registry import Registry
from xaibench.engine.discovery.requirements import OURS, Requirement, VersionOf, satisfies, version_of
from xaibench.engine.plan.config import default_config

GIB = 2**30
LEAST_DISK, LEAST_MEMORY = GIB / 4, 2 * GIB  # the default run leaves megabytes; it peaks below 2 GiB
OLDEST_PYTHON = (3, 11)

State = Literal["ok", "note", "wrong"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Args:
        name: of what.
        text: what the check has shown.
        state: "wrong" is to be mended; "note" need not be.
        mend: what to type.
        needed: the default run does not work without.
    """

    name: str
    text: str
    state: State = "ok"
    mend: str = ""
    needed: bool = False

    @property
    def fatal(self) -> bool:
        """Whether it stops the default run."""
        return self.state == "wrong" and self.needed


def check_python() -> Finding:
    """The interpreter."""
    text = f"{platform.python_version()} on {platform.platform()}"
    new_enough = tuple(map(int, platform.python_version_tuple()[:2])) >= OLDEST_PYTHON
    oldest = ".".join(map(str, OLDEST_PYTHON))
    mend = "" if new_enough else f"python{oldest} -m venv .venv && .venv/bin/pip install xaibench"
    return Finding("python", text, "ok" if new_enough else "wrong", mend, needed=True)


def check_packages(
    wanted: Sequence[Requirement], version_of: VersionOf = version_of
) -> Iterator[Finding]:
    """Ourselves, and every package that we cannot do without."""
    yield Finding(OURS, version_of(OURS) or "not installed: its folder alone is on the path")
    for one in wanted:
        if not one.extra:
            yield check_package(one, version_of(one.name), needed=True)


def check_package(wanted: Requirement, installed_version: str | None, needed: bool) -> Finding:
    """One package."""
    if installed_version is None:
        return Finding(wanted.name, "missing", "wrong", wanted.pip, needed)
    if not satisfies(installed_version, wanted.wanted):
        text = f"{installed_version}; expected {wanted.wanted}"
        return Finding(wanted.name, text, "wrong", wanted.pip, needed)
    return Finding(wanted.name, installed_version, needed=needed)


def check_extras(wanted: Sequence[Requirement], version_of: VersionOf = version_of) -> Iterator[Finding]:
    """Each extra: all of its packages, or which are missing."""
    for extra in dict.fromkeys(one.extra for one in wanted if one.extra):
        parts = [one for one in wanted if one.extra == extra]
        odd = [
            f"{one.name}{f' {version}, expected {one.wanted}' if version else ''}"
            for one in parts
            if (version := version_of(one.name)) is None or not satisfies(version, one.wanted)
        ]
        if odd:
            text = f"without {', '.join(odd)}"
            yield Finding(extra, text, "note", f"pip install '{OURS}[{extra}]'")
        else:
            yield Finding(extra, f"{len(parts)} of {len(parts)} packages")


def check_registry(
    find: Callable[[], Registry], version_of: VersionOf = version_of
) -> tuple[list[Finding], list[Finding]]:
    """The plugins, and what the default run names of what they offer."""
    try:
        registry = find()
    except XaibenchError as error:  # two packages offer the same name: nothing can be run
        mend = "pip uninstall one of the two"
        return [Finding("plugins", str(error), "wrong", mend, needed=True)], []
    return list(check_plugins(registry)), list(check_default(registry, version_of))


def check_plugins(registry: Registry) -> Iterator[Finding]:
    """Each entry point: what it offers, or why it cannot be loaded."""
    for plugin in registry.plugins:
        who = f"{plugin.distribution} {plugin.version}".strip()
        if plugin.broken:
            mend = f"pip install --force-reinstall {plugin.distribution}"
            yield Finding(plugin.name, f"broken: {plugin.broken} ({who})", "wrong", mend)
        else:
            offers = ", ".join(f"{count} {kind}" for kind, count in plugin.offers.items())
            yield Finding(plugin.name, f"{offers or 'nothing'} ({who})")


def check_default(
    registry: Registry,
    version_of: VersionOf = version_of,
    plain: Mapping[str, Any] | None = None,
) -> Iterator[Finding]:
    """What the default run names: is it there."""
    plain = default_config() if plain is None else plain
    grids = plain["grid"]
    lookups: dict[str, tuple[Callable[[str], Any], list[str]]] = {
        "explainers": (registry.explainer, plain["explainers"]),
        "metrics": (registry.metric, plain["metrics"]),
        "datasets": (registry.dataset, [name for grid in grids for name in grid["data"]]),
        "models": (registry.model, [name for grid in grids for name in grid["models"]]),
    }
    for kind, (find, names) in lookups.items():
        missing = []
        for name in dict.fromkeys(names):
            try:
                spec = find(name)
            except XaibenchError:
                missing.append(name)
                continue
            needs = getattr(spec, "requires", "")
            if needs and version_of(needs) is None:
                text = f"model {name!r} needs the package {needs}"
                yield Finding(kind, text, "wrong", f"pip install {needs}", needed=True)
        if missing:
            text = f"nobody offers {', '.join(missing)}"
            mend = f"pip install --force-reinstall --no-deps {OURS}"
            yield Finding(kind, text, "wrong", mend, needed=True)
        else:
            yield Finding(kind, ", ".join(dict.fromkeys(names)), needed=True)


def default_models() -> list[str]:
    """The models of the default run."""
    return list(dict.fromkeys(name for grid in default_config()["grid"] for name in grid["models"]))


def check_machine(memory: int | None = None) -> Iterator[Finding]:
    """Cores, threads and memory.

    Args:
        memory: bytes that are free; asked of the system where not given.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    set_to = os.environ.get("OMP_NUM_THREADS")
    threads = f"OMP_NUM_THREADS={set_to}" if set_to else "as many threads as torch likes"
    slow = set_to is not None and set_to.isdecimal() and int(set_to) < cores
    mend = "unset OMP_NUM_THREADS" if slow else ""
    yield Finding("cores", f"{cores}; {threads}", "note" if slow else "ok", mend)
    free = free_memory() if memory is None else memory
    if free is None:
        yield Finding("memory", "this system does not say how much is free", "note")
    elif free < LEAST_MEMORY:
        text = f"{free / GIB:.1f} GiB free; the default run may need {LEAST_MEMORY / GIB:.0f}"
        yield Finding("memory", text, "note", "xaibench run --width 1")
    else:
        yield Finding("memory", f"{free / GIB:.1f} GiB free")


def free_memory(meminfo: Path = Path("/proc/meminfo")) -> int | None:
    """Bytes that a new process can have; None where the system does not say."""
    try:
        match = re.search(r"^MemAvailable:\s+(\d+) kB", meminfo.read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(match[1]) * 1024 if match else None


def check_folder(folder: Path, free: int | None = None) -> Finding:
    """Whether results can be written, and how much.

    Args:
        folder: where a run would put its own.
        free: bytes; asked of the system where not given.
    """
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    elsewhere = "xaibench run --output OTHER_FOLDER"
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        return Finding("results", f"{folder} cannot be written to", "wrong", elsewhere, needed=True)
    free = shutil.disk_usage(existing).free if free is None else free
    text = f"{free / GIB:.1f} GiB free for {folder}"
    if free < LEAST_DISK:
        return Finding("results", text, "wrong", elsewhere, needed=True)
    return Finding("results", text)


def judged_device(facts: Sequence[Mapping[str, Any]], why: str) -> Iterator[Finding]:
    """What the probe of the device found; `why` that is not all."""
    by_name = {one["name"]: one for one in facts}
    mend = "pip install --force-reinstall torch torchvision timm"
    torch = by_name.get("torch")
    if torch is None or not torch["works"]:
        wrong = why or "it computes wrong sums"
        yield Finding("torch", f"cannot be used: {wrong}", "wrong", mend, needed=True)
        return
    gpus = ", ".join(torch["devices"])
    yield Finding("device", f"{gpus or 'cpu'}; torch takes {torch['threads']} threads", needed=True)
    for name, one in by_name.items():
        if not one["works"]:
            yield Finding(name, f"cannot be opened: {one['why']}", "wrong", mend, needed=True)
    if why:
        yield Finding("libraries", f"torch works, and then: {why}", "wrong", mend, needed=True)


def judged_weights(
    names: Sequence[str], needed: Sequence[str], facts: Sequence[Mapping[str, Any]], why: str
) -> Iterator[Finding]:
    """What the probe of the weights found of each name; `why` that is not all."""
    by_name = {one["name"]: one for one in facts}
    for name in names:
        one = by_name.get(name)
        plain = name.partition("=")[0]
        cure = f"xaibench models inspect {name}  # once, with a network; or name {plain}=FILE"
        if one is not None and one["path"] and one["why"]:  # it was named: there is nothing to fetch
            cure = f"ls {one['path']}"
        if one is None:
            yield Finding(name, f"cannot be told: {why}", "wrong", cure, name in needed)
        elif one["there"]:
            yield Finding(name, one["path"] or one["why"], needed=name in needed)
        else:
            text = f"not at {one['path']}" if one["path"] else one["why"]
            yield Finding(name, text, "wrong", cure, name in needed)
