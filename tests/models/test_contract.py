"""Models that are at hand, and every architecture, keep the contract."""

from functools import cache

import pytest

from xaibench.engine.discovery.registry import installed
from xaibench.testing.architectures.architecture_contract import CONTRACT as OF_ARCHITECTURES
from xaibench.testing.architectures.architecture_contract import ArchitectureSubject
from xaibench.testing.common.contract import BROKEN, judge
from xaibench.testing.models.model_contract import CONTRACT, ModelSubject

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
ARCHITECTURES = installed(strict=True).architectures
QUICK = ("scenes-cnn", "scenes-vit", "moe-vit", "timm:test_vit=random")
LARGE = ("efficientnet-lite0", "timm:resnet10t=random", "torchvision:squeezenet1_1=random")


@cache
def model(name: str) -> ModelSubject:
    return ModelSubject(installed().model(name))


@pytest.mark.parametrize("clause", CONTRACT, ids=lambda clause: clause.name)
@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(n, marks=pytest.mark.slow) for n in LARGE)])
def test_a_model_keeps_its_contract(name, clause):
    verdict = judge(model(name), clause)
    assert verdict.status != BROKEN, verdict


@pytest.mark.parametrize("clause", OF_ARCHITECTURES, ids=lambda clause: clause.name)
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_an_architecture_keeps_its_contract(name, clause):
    verdict = judge(ArchitectureSubject(ARCHITECTURES[name]), clause)
    assert verdict.status != BROKEN, verdict
