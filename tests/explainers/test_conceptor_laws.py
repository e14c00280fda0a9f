"""The laws of conceptors (Jaeger 2014) hold for the matrices that the explainers are held against."""

from math import sqrt

import pytest
import torch
from conceptors import DOUBLE, adapted, conceptor, conjunction, disjunction, negation

SIZE = 6
EYE, NOTHING = torch.eye(SIZE, dtype=DOUBLE), torch.zeros(SIZE, SIZE, dtype=DOUBLE)


def correlations(rank: int) -> list[torch.Tensor]:
    """Three random correlation matrices that do not commute."""
    generator = torch.Generator().manual_seed(rank)
    factors = torch.randn(3, SIZE, rank, dtype=DOUBLE, generator=generator)
    return [factor @ factor.T / rank for factor in factors]


@pytest.fixture(params=[3, 5, SIZE], ids=["rank 3", "rank 5", "full rank"])
def three(request) -> list[torch.Tensor]:
    found = [conceptor(matrix, 4.0) for matrix in correlations(request.param)]
    assert (found[0] @ found[1] - found[1] @ found[0]).abs().max() > 1e-3
    return found


def same(found, expected):
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-8)


def test_eigenvalues_lie_in_zero_to_one(three):
    for values in (torch.linalg.eigvalsh(found) for found in three):
        assert values.min() > -1e-12
        assert values.max() < 1


@pytest.mark.parametrize("operation", [conjunction, disjunction])
def test_operations_commute_and_associate(three, operation):
    first, second, third = three
    same(operation(first, second), operation(second, first))
    same(operation(operation(first, second), third), operation(first, operation(second, third)))


def test_de_morgan(three):
    first, second, _ = three
    same(negation(disjunction(first, second)), conjunction(negation(first), negation(second)))
    same(negation(conjunction(first, second)), disjunction(negation(first), negation(second)))


def test_neutral_and_absorbing_elements(three):
    first = three[0]
    same(conjunction(first, EYE), first)
    same(conjunction(first, NOTHING), NOTHING)
    same(disjunction(first, NOTHING), first)
    same(disjunction(first, EYE), EYE)


def test_a_conceptor_twice_is_its_aperture_changed(three):
    same(disjunction(three[0], three[0]), adapted(three[0], sqrt(2)))
    same(conjunction(three[0], three[0]), adapted(three[0], 1 / sqrt(2)))


def test_or_is_the_sum_of_correlations():
    """On data: the conceptor of both sets of states, whose correlations add up."""
    for rank in (2, SIZE):
        one, other, _ = correlations(rank)
        found = disjunction(conceptor(one, 4.0), conceptor(other, 4.0))
        same(found, conceptor(one + other, 4.0))


def test_adapting_the_aperture_is_learning_with_it():
    matrix = correlations(3)[0]
    same(adapted(conceptor(matrix, 1.0), 5.0), conceptor(matrix, 25.0))
    same(adapted(adapted(conceptor(matrix, 1.0), 2.0), 3.0), conceptor(matrix, 36.0))


def test_channels_and_positions_are_regulated_by_one_conceptor():
    """C(XX') X = X C(X'X): the theorem behind solving among the positions."""
    for shape in ((SIZE, 4), (SIZE, 9)):
        features = torch.randn(shape, dtype=DOUBLE, generator=torch.Generator().manual_seed(0))
        among_channels = conceptor(features @ features.T, 4.0) @ features
        same(among_channels, features @ conceptor(features.T @ features, 4.0))


def test_the_closed_form_of_and_not_is_the_general_definition():
    """(P^-1 + Q + I)^-1, here with P of full rank, where P and Q are aperture^2 times correlations."""
    one, other, _ = correlations(SIZE)
    found = conjunction(conceptor(one, 4.0), negation(conceptor(other, 4.0)))
    same(found, torch.linalg.inv(torch.linalg.inv(4.0 * one) + 4.0 * other + EYE))
