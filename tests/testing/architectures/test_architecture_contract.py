"""The contract of architectures fails what is broken, each for its own reason, and nothing else."""

import pytest
from broken_plugins import fails, untyped
from zoo_architectures import ARCHITECTURES, architecture

from xaibench.testing import check_architecture


def test_a_healthy_architecture_keeps_every_clause():
    assert {verdict.status for verdict in check_architecture(architecture("plain"))} == {"kept"}


@pytest.mark.parametrize(("name", "broken"), untyped(ARCHITECTURES))
def test_a_broken_architecture_fails_for_its_own_reason(name, broken):
    fails(check_architecture, architecture(name), broken)
