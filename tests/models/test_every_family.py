"""Every family of timm and torchvision is explained where it should be; as in docs/models.md."""

from functools import partial

import pytest
import timm
import torchvision
from families import NAMED, TIMM, TORCHVISION
from survey import survey, timm_network, torchvision_network


def test_every_family_of_timm_has_its_member():
    assert set(timm.models.list_modules()) <= set(TIMM)


def test_every_classifier_family_of_torchvision_has_its_member():
    names = torchvision.models.list_models(module=torchvision.models)
    homes = {torchvision.models.get_model_builder(name).__module__.split(".")[-1] for name in names}
    assert homes == set(TORCHVISION)


@pytest.mark.slow
@pytest.mark.parametrize("member", {**NAMED, **TIMM}.values())
def test_a_member_of_timm_is_explained_upright(member):
    found = survey(partial(timm_network, member))
    assert (found.reason, found.faults) == ("", ())


@pytest.mark.slow
@pytest.mark.parametrize("member", TORCHVISION.values())
def test_a_member_of_torchvision_is_explained_upright(member):
    found = survey(partial(torchvision_network, member))
    assert (found.reason, found.faults) == ("", ())
