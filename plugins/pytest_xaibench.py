"""`pytest --xaibench-plugin NAME`: a test of each spec that a plugin offers and clause of its contract.

Every pytest of an environment with xaibench loads this module, so it imports nothing of xaibench until
it is asked to: import hooks and coverage of that run must come first.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from xaibench.testing.common.contract import Clause, Verdict
    from xaibench.testing.plugins.plugin_contract import Given, Tried


def pytest_addoption(parser: pytest.Parser) -> None:
    """Which plugin, and what cannot be read off its specs."""
    group = parser.getgroup("xaibench", "contracts of xaibench's plugins")
    group.addoption(
        "--xaibench-plugin",
        action="append",
        default=[],
        metavar="NAME",
        help="try the contracts on all that a plugin offers: the name of a distribution or of its entry "
        "point in the group `xaibench`. No other tests are collected unless paths are given. "
        "Example: pytest --xaibench-plugin xaibench-mine -k 'not memory'",
    )
    group.addoption(
        "--xaibench-member",
        action="append",
        default=[],
        metavar="FAMILY:NAME",
        help="a member of a family of models to try, such as timm:resnet10t=random",
    )
    group.addoption(
        "--xaibench-data",
        action="append",
        default=[],
        metavar="NAME:PATH",
        help="the folder of a data set that needs one",
    )
    group.addoption(
        "--xaibench-set",
        action="append",
        default=[],
        metavar="NAME.SETTING=VALUE",
        help="another setting of a spec, as in TOML, such as rise.count=20: fewer forwards, same method",
    )
    group.addoption(
        "--xaibench-network",
        action="append",
        default=[],
        metavar="MODULE:FUNCTION",
        help="a function that returns a float64 Classifier of 4 classes for 32 x 24 pixels, for "
        "explainers that apply to none of xaibench's own tiny networks",
    )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Nothing else is collected where only a plugin was named."""
    named = config.getoption("xaibench_plugin")
    asked_for = config.args_source is pytest.Config.ArgsSource.ARGS
    return True if named and not asked_for else None


@pytest.hookimpl(tryfirst=True)  # before -k and -m choose among them
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Add the contract's tests."""
    names = config.getoption("xaibench_plugin")
    if not names:
        return
    from xaibench.api.errors import XaibenchError
    from xaibench.testing.plugins.plugin_contract import tried_of

    try:
        given = given_by(config)
        for name in names:
            for tried in tried_of(name, given):
                items.extend(items_of(session, name, tried))
    except XaibenchError as error:
        raise pytest.UsageError(f"{type(error).__name__}: {error}") from error


def given_by(config: pytest.Config) -> "Given":
    """What the options say."""
    from xaibench.testing.plugins.plugin_contract import Given

    return Given(
        networks=[imported(name) for name in config.getoption("xaibench_network")],
        members=config.getoption("xaibench_member"),
        folders={
            name: Path(path)
            for name, _, path in (option.partition(":") for option in config.getoption("xaibench_data"))
        },
        settings=settings_of(config.getoption("xaibench_set")),
    )


def imported(place: str) -> Any:
    """The function in "module:function"."""
    from importlib import import_module

    module, _, name = place.partition(":")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise pytest.UsageError(
            f"--xaibench-network {place!r} cannot be imported: {error}; expected MODULE:FUNCTION"
        ) from error


def settings_of(options: list[str]) -> Mapping[str, Mapping[str, Any]]:
    """What each "NAME.SETTING=VALUE" says, by name; values as in TOML."""
    import tomllib

    settings: dict[str, dict[str, Any]] = {}
    for one in options:
        place, _, value = one.partition("=")
        name, _, setting = place.rpartition(".")
        try:
            settings.setdefault(name, {})[setting] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError as error:
            raise pytest.UsageError(
                f"--xaibench-set {one!r} cannot be read: {error}; expected NAME.SETTING=VALUE"
            ) from error
    return settings


def items_of(session: pytest.Session, plugin: str, tried: "Tried") -> Iterator["ContractItem"]:
    """A test a clause."""
    failed: list[str] = []
    for clause in tried.contract:
        name = f"{plugin}::{tried.kind}::{tried.name}::{clause.name}"
        yield ContractItem.from_parent(session, name=name, tried=tried, clause=clause, failed=failed)


class ContractItem(pytest.Item):
    """One clause, tried on one spec."""

    def __init__(self, *, tried: "Tried", clause: "Clause", failed: list[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.tried, self.clause, self.failed = tried, clause, failed
        self.add_marker("xaibench_contract")

    def runtest(self) -> None:
        """Fail where the clause is broken; skip where it is not asked, with the reason."""
        from xaibench.testing.common.contract import BROKEN, KEPT, ContractBroken, judge

        if self.failed:
            pytest.skip(f"not asked: {self.failed[0]}")
        verdict: Verdict = judge(self.tried.subject, self.clause)
        if verdict.status != KEPT and self.clause.essential:
            self.failed.append(verdict.reason or f"the clause {self.clause.name!r} is broken")
        if verdict.status == BROKEN:
            raise ContractBroken([verdict])
        if verdict.status != KEPT:
            pytest.skip(f"not asked: {verdict.reason}")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The verdict alone; a traceback only where it is not a verdict."""
        from xaibench.testing.common.contract import ContractBroken

        if isinstance(excinfo.value, ContractBroken):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        """Where it is: no file of its own."""
        return self.path, None, self.name


def pytest_configure(config: pytest.Config) -> None:
    """The marker of the contract's tests."""
    config.addinivalue_line("markers", "xaibench_contract: a clause of the contract of a plugin")
