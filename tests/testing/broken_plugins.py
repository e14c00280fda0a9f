"""Helpers of the tests of contracts: broken plugins, each tried on its own clause."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from zoo_explainers import Broken

from xaibench.testing import ContractBroken

AS_USERS_DO = """
import json, sys
from importlib import import_module
import xaibench.testing as testing
kind, names = sys.argv[1], json.loads(sys.argv[2])
spec_of = getattr(import_module(f"zoo_{kind}s"), kind)
verdicts = {}
for name in names:
    try:
        getattr(testing, f"check_{kind}")(spec_of(name))
    except testing.ContractBroken as broken:
        verdicts[name] = broken.clauses, str(broken)
print(json.dumps(verdicts))
"""


def untyped(zoo: Mapping[str, Broken]):
    """Those whose fault is the contract's alone to find."""
    return [pytest.param(name, broken, id=name) for name, broken in zoo.items() if not broken.typed]


def typed(zoo: Mapping[str, Broken]):
    """Those whose fault our type checks find before the contract does."""
    return [name for name, broken in zoo.items() if broken.typed]


def without_type_checks(kind: str, names: list[str]):
    """The clauses and messages of `names`, in a process without our type checks."""
    paths = [str(Path(__file__).parent), *sys.path]
    done = subprocess.run(
        [sys.executable, "-c", AS_USERS_DO, kind, json.dumps(names)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def fails(check, spec, broken: Broken):
    """The contract fails the spec, by the clauses and the words that are its own."""
    with pytest.raises(ContractBroken, match=broken.says) as raised:
        check(spec)
    assert raised.value.clauses == broken.clauses
    assert repr(spec.name) in str(raised.value)
