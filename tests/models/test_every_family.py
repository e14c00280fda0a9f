"""Every family of timm, torchvision and transformers is explained where it should be; docs/models.md."""

from functools import partial
from pathlib import Path

import pytest
import timm
import torchvision
from families import NAMED, NOT_SHOWN, TIMM, TORCHVISION, TRANSFORMERS
from members import MAKERS
from survey import survey

MEMBERS = sorted(
    {(library, member) for library, member, _ in NAMED.values()}
    | {("timm", member) for member in TIMM.values()}
    | {("torchvision", member) for member in TORCHVISION.values()}
    | {("transformers", member) for member in TRANSFORMERS}
)


def test_every_family_of_timm_has_its_member():
    assert set(timm.models.list_modules()) <= set(TIMM)  # an older timm has fewer


@pytest.mark.skipif(timm.__version__ != "1.0.31", reason="families were counted in timm 1.0.31")
def test_there_are_98_families_of_timm_and_a_member_of_each():
    assert set(timm.models.list_modules()) == set(TIMM)
    assert len(TIMM) == 98


@pytest.mark.skipif(timm.__version__ != "1.0.31", reason="families were counted in timm 1.0.31")
def test_each_member_is_of_its_family():
    assert {family: member for family, member in TIMM.items() if member not in members_of(family)} == {}


def members_of(family):
    return timm.list_models(module=family)


def test_every_classifier_family_of_torchvision_has_its_member():
    names = torchvision.models.list_models(module=torchvision.models)
    homes = {torchvision.models.get_model_builder(name).__module__.split(".")[-1] for name in names}
    assert homes == set(TORCHVISION)


def test_exceptions_are_members_and_have_their_reason():
    assert set(NOT_SHOWN) <= {member for _, member in MEMBERS}
    assert all(NOT_SHOWN.values())


@pytest.mark.parametrize("members", [TIMM, TORCHVISION], ids=["timm", "torchvision"])
def test_the_page_has_a_row_of_each_and_says_that_it_works(members):
    wanted = {row(family, member) for family, member in members.items()}
    assert wanted <= set(page_rows())


def test_the_page_has_the_named_architectures_and_those_of_transformers():
    wanted = {row(family, member) for family, (_, member, _) in NAMED.items()}
    assert wanted | {row(member, member) for member in TRANSFORMERS} <= set(page_rows())


def row(family, member):
    return ("no" if member in NOT_SHOWN else "yes", family, f"`{member}`")


def page_rows():
    """The first three cells of each: whether it works, family and member."""
    lines = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8").splitlines()
    return [tuple(line.strip("| ").split(" | ")[:3]) for line in lines if line.startswith("|")]


@pytest.mark.slow
@pytest.mark.parametrize(("library", "member"), MEMBERS)
def test_a_member_is_explained_upright(library, member):
    if library == "transformers":
        pytest.importorskip("xaibench_transformers")
    found = survey(partial(MAKERS[library], member))
    if member in NOT_SHOWN:
        assert not found.works  # else it is no exception any more
    else:
        assert (found.reason, found.faults) == ("", ())
