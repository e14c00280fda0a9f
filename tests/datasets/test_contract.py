"""Data sets that are built in keep the contract; the readers' tests make folders and try it there."""

from functools import cache

import pytest

from xaibench.engine.discovery.registry import installed
from xaibench.testing.common.contract import BROKEN, judge
from xaibench.testing.datasets.dataset_contract import CONTRACT, DatasetSubject

DATASETS = installed(strict=True).datasets
BUILT_IN = [name for name, spec in DATASETS.items() if spec.folder != "required"]


@cache
def subject(name: str) -> DatasetSubject:
    return DatasetSubject(DATASETS[name])


@pytest.mark.parametrize("clause", CONTRACT, ids=lambda clause: clause.name)
@pytest.mark.parametrize("name", BUILT_IN)
def test_a_data_set_keeps_its_contract(name, clause):
    verdict = judge(subject(name), clause)
    assert verdict.status != BROKEN, verdict
