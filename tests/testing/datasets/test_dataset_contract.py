"""The contract of data sets fails what is broken, each for its own reason, and nothing else."""

import re

import pytest
from broken_plugins import fails, typed, untyped, without_type_checks
from zoo_datasets import DATASETS, dataset

from xaibench.testing import check_dataset


def test_a_healthy_data_set_keeps_every_clause():
    assert {verdict.status for verdict in check_dataset(dataset("pictures"))} == {"kept"}


@pytest.mark.parametrize(("name", "broken"), untyped(DATASETS))
def test_a_broken_data_set_fails_for_its_own_reason(name, broken):
    fails(check_dataset, dataset(name), broken)


@pytest.fixture(scope="module")
def verdicts():
    return without_type_checks("dataset", typed(DATASETS))


@pytest.mark.parametrize("name", typed(DATASETS))
def test_what_type_checks_find_too_fails_without_them(name, verdicts):
    clauses, message = verdicts[name]
    assert tuple(clauses) == DATASETS[name].clauses
    assert re.search(DATASETS[name].says, message), message
