"""The public surface: every public name of some modules, with its signature, as lines of text.

    python tests/api/surface.py > tests/api/surface.txt

takes the snapshot that a test compares with what there is. docs/plugins.md says what may change when.
"""

import inspect
import re
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from jaxtyping import AbstractArray

PACKAGES = ("xaibench", "xaibench.api", "xaibench.testing")
TYPES = "xaibench.api.types"  # where the aliases of jaxtyping are at home; elsewhere they are imported
PLAIN = (str, int, float, tuple, frozenset, type(None))


def surface() -> str:
    """All of them, a line a name, sorted by module."""
    return "\n".join(line for module in modules() for line in lines(module)) + "\n"


def modules() -> Iterator[ModuleType]:
    """The public packages, and the modules of `xaibench.api`."""
    for name in PACKAGES:
        package = import_module(name)
        yield package
        if name == "xaibench.api":
            for module in sorted(module.name for module in iter_modules(package.__path__)):
                yield import_module(f"{name}.{module}")


def lines(module: ModuleType) -> Iterator[str]:
    """One a public name that the module defines, or exports by `__all__`."""
    exported = getattr(module, "__all__", None)
    names = exported if exported is not None else [name for name in vars(module) if own(module, name)]
    for name in sorted(names):
        yield from described(f"{module.__name__}.{name}", getattr(module, name))


def own(module: ModuleType, name: str) -> bool:
    """Whether a module made a public name itself: constants count, imports do not."""
    value = getattr(module, name)
    if is_alias(value):
        return module.__name__ == TYPES
    home = getattr(value, "__module__", module.__name__)
    return not name.startswith("_") and home == module.__name__ and not inspect.ismodule(value)


def is_alias(value: Any) -> bool:
    """Whether it is an array's type with its shape, such as Float[Tensor, "B H W"]."""
    return inspect.isclass(value) and issubclass(value, AbstractArray)


def described(name: str, value: Any) -> Iterator[str]:
    """A name with its signature; of a class also its fields and public methods."""
    if is_alias(value):
        yield f"{name} = {value.dtype.__name__}[{value.array_type.__name__}, {value.dim_str!r}]"
    elif inspect.isclass(value):
        bases = ", ".join(base.__name__ for base in value.__bases__ if base is not object)
        yield f"class {name}({bases})"
        yield from members(name, value)
    elif callable(value) and hasattr(value, "__code__"):
        yield f"def {name}{signature(value)}"
    elif isinstance(value, str | int | float | tuple):
        yield f"{name} = {value!r}"
    else:
        yield name


def members(name: str, kind: type) -> Iterator[str]:
    """What a class itself declares, fields in order, then the rest by name."""
    own_names = vars(kind)
    if is_dataclass(kind):
        for field in fields(kind):
            yield f"  {name}.{field.name}{default(field)}"
    elif "__init__" in own_names:
        yield f"  {name}{signature(own_names['__init__'])}"
    shown = {field.name for field in fields(kind)} if is_dataclass(kind) else set()
    for member in sorted(set(own_names) - shown):
        value = own_names[member]
        if member.startswith("_"):
            continue
        function = getattr(value, "__func__", value)
        called = inspect.isfunction(function)
        yield f"  {name}.{member}{signature(function) if called else ''}"


def default(field: Field[Any]) -> str:
    """A field's default where it is plain; that there is one where it is made or an object."""
    if isinstance(field.default, PLAIN):
        return f" = {field.default!r}"
    return "" if field.default is MISSING and field.default_factory is MISSING else " (optional)"


def signature(function: Any) -> str:
    """Names, kinds and defaults of its parameters; not their types, which are checked otherwise."""
    parameters = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for parameter in inspect.signature(function).parameters.values()
    ]
    return re.sub(r"<function (\w+) at 0x[0-9a-f]+>", r"\1", str(inspect.Signature(parameters)))


if __name__ == "__main__":
    print(surface(), end="")
