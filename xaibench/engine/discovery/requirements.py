"""What packages we need, and which of them are installed: from metadata, nothing is imported."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from itertools import takewhile

OURS = "xaibench"
REQUIREMENT = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?\s*([^;]*?)\s*(?:;(.*))?$")
EXTRA = re.compile(r"extra\s*==\s*['\"]([^'\"]+)['\"]")

VersionOf = Callable[[str], str | None]


@dataclass(frozen=True)
class Requirement:
    """A package that we name: the versions that will do, and the extra that asks for it."""

    name: str
    wanted: str = ""
    extra: str = ""

    @property
    def pip(self) -> str:
        """What to type to have it."""
        return f"pip install '{self.name}{self.wanted}'"


def version_of(name: str) -> str | None:
    """The installed version, from the package's metadata; None where there is none."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def requirements(lines: Iterable[str] | None = None) -> list[Requirement]:
    """What our metadata, or other lines in its format, say that we need."""
    needed = []
    for line in requires(OURS) or () if lines is None else lines:
        matched = REQUIREMENT.match(line)
        if matched:
            name, wanted, marker = matched.groups()
            extra = EXTRA.search(marker or "")
            needed.append(Requirement(name, wanted.strip("() "), extra[1] if extra else ""))
    return needed


def satisfies(installed: str, wanted: str) -> bool:
    """Whether a version is in ">=A" or "==A"; what says otherwise is not judged."""
    for part in filter(None, (part.strip() for part in wanted.split(","))):
        least, ours = numbers(part.lstrip("=<>!~ ")), numbers(installed)
        if (part.startswith(">=") and ours < least) or (part.startswith("==") and ours != least):
            return False
    return True


def numbers(text: str) -> tuple[int, ...]:
    """The release of a version: 2.15.0+cpu is (2, 15), as zeros at its end say nothing."""
    parts = re.split(r"[.+-]", text)
    parts_of_release = [int(part) for part in takewhile(str.isdecimal, parts)]
    while parts_of_release and not parts_of_release[-1]:
        parts_of_release.pop()
    return tuple(parts_of_release)


def written_against(library: str) -> list[str]:
    """Those of the packages we need that need `library` themselves."""
    installed = [one.name for one in requirements() if not one.extra and version_of(one.name)]
    return [
        name
        for name in installed
        if any(one.name == library and not one.extra for one in requirements(requires(name) or ()))
    ]
