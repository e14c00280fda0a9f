"""A plugin package made of templates. Opens no torch."""

import re
from importlib.resources import files
from keyword import iskeyword, issoftkeyword
from pathlib import Path
from string import Template

from xaibench.api.errors import ConfigError
from xaibench.api.hooks import API_VERSION
from xaibench.engine.discovery.registry import installed

KINDS = {  # the title, and how it is used, of each kind of package
    "explainer": ("An explainer", "xaibench run --explainers $name --models scenes-cnn --data scenes"),
    "metric": ("A metric", "xaibench run --metrics $name --models scenes-cnn --data scenes"),
    "model": ("A model", "xaibench run --models $name --data scenes --limit 8"),
    "dataset": ("A data set", "xaibench run --data $name --models scenes-cnn"),
    "executor": ("An executor", "xaibench run --executor $name --data scenes --limit 8"),
}  # fmt: skip
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
LONGEST = 40
LICENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*( (AND|OR|WITH) [A-Za-z0-9][A-Za-z0-9.+-]*)*")
FILES = {  # of a package, and the template of each
    "pyproject.toml": "common/pyproject.toml.txt",
    "README.md": "common/README.md.txt",
    ".gitignore": "common/gitignore.txt",
    ".github/workflows/test.yml": "common/test.yml.txt",
    "tests/test_contract.py": "common/test_contract.py.txt",
    "$package/__init__.py": "$kind/__init__.py.txt",
    "$package/$module.py": "$kind/module.py.txt",
}


def create(kind: str, name: str, output: Path, licence: str = "Apache-2.0") -> Path:
    """Write a package that offers one `kind` of thing called `name`.

    Args:
        kind: one of KINDS.
        name: as users will type it: lower-case words with hyphens.
        output: the folder that the package's own folder is made in; made where it is missing.
        licence: an SPDX expression.

    Returns:
        The package's folder, `output`/xaibench-NAME.

    Raises:
        ConfigError: the name or the licence cannot be used, or the folder is there already.
    """
    check_name(kind, name)
    if not LICENCE.fullmatch(licence):
        raise ConfigError(f"licence {licence!r} is no SPDX expression, such as Apache-2.0 or MIT")
    title, use = KINDS[kind]
    module = name.replace("-", "_")
    words = {
        "kind": kind,
        "hook": f"{kind}s",
        "name": name,
        "module": module,
        "package": f"xaibench_{module}",
        "distribution": f"xaibench-{name}",
        "title": title,
        "licence": licence,
        "api": str(API_VERSION),
    }
    words["use"] = Template(use).substitute(words)
    folder = output / words["distribution"]
    if folder.exists() or folder.is_symlink():
        raise ConfigError(f"{folder} is there already and is not overwritten; give another --output")
    home = files("xaibench") / "templates"
    for file, template in FILES.items():
        place = folder / Template(file).substitute(words)
        text = home.joinpath(Template(template).substitute(words)).read_text(encoding="utf-8")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(Template(text).substitute(words), encoding="utf-8")
    return folder


def check_name(kind: str, name: str) -> None:
    """Raise ConfigError where a name is none, is taken, or cannot be a function's."""
    if not NAME.fullmatch(name) or len(name) > LONGEST:
        raise ConfigError(
            f"{name!r} cannot be a name: expected at most {LONGEST} lower-case letters and digits, "
            "a letter first, words parted by single hyphens, such as bright-cam"
        )
    if iskeyword(name) or issoftkeyword(name):
        raise ConfigError(f"{name!r} is a word of Python's and cannot be a function's name")
    taken = getattr(installed(), f"{kind}s")
    if name in taken:
        raise ConfigError(
            f"{kind} {name!r} is there already: two of one name cannot be installed together"
        )
