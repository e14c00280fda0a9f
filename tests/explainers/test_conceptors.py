"""The calculus against Jaeger's definitions written out matrix by matrix, and its laws."""

from math import inf, sqrt

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from xaibench_explainers.conceptors import (
    adapt,
    conceptor,
    conjunction,
    disjunction,
    negation,
    quota,
)

DOUBLE = torch.double
seeds = st.integers(0, 2**32 - 1)
factors = st.floats(0.2, 5)
KINDS = ("soft", "soft", "zero", "one")
pairs = pytest.mark.parametrize("operation", [conjunction, disjunction])


def eye(matrix):
    return torch.eye(len(matrix), dtype=DOUBLE)


def rotation(size, generator):
    return torch.linalg.qr(torch.randn(size, size, dtype=DOUBLE, generator=generator))[0]


@st.composite
def conceptors(draw, count=2):
    """Conceptors of one size that do not commute, with eigenvalues between 0 and 1 and on both."""
    size = draw(st.integers(2, 6))
    generator = torch.Generator().manual_seed(draw(seeds))
    shared = rotation(size, generator)
    found = []
    for _ in range(count):
        values = 0.05 + 0.9 * torch.rand(size, dtype=DOUBLE, generator=generator)
        kinds = draw(st.lists(st.sampled_from(KINDS), min_size=size, max_size=size))
        values[[kind == "zero" for kind in kinds]] = 0
        values[[kind == "one" for kind in kinds]] = 1
        if draw(st.booleans()):  # the first directions are common to all: ranges that meet
            common = draw(st.integers(1, size))
            turn = torch.block_diag(rotation(common, generator), rotation(size - common, generator))
            vectors = shared @ turn
        else:
            vectors = rotation(size, generator)
        found.append(vectors * values @ vectors.T)
    return found


@st.composite
def correlations(draw, count=2):
    """Correlation matrices of some states, in general neither of full rank nor commuting."""
    size, states = draw(st.integers(2, 6)), draw(st.integers(1, 8))
    generator = torch.Generator().manual_seed(draw(seeds))
    drawn = torch.randn(count, size, states, dtype=DOUBLE, generator=generator)
    return list(drawn @ drawn.mT / states)


def lawful(*strategies):
    """Check on some dozens of examples, the same every time."""
    chosen = settings(deadline=None, derandomize=True, max_examples=40)
    return lambda test: chosen(given(*strategies)(test))


def same(found, expected):
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-8)


def at_most(less, more):
    """In the order of Loewner: the difference has no negative eigenvalue."""
    assert torch.linalg.eigvalsh(more - less).min() > -1e-8


def by_bases(first, second):
    """B0 (B0' (C^+ + B^+ - I) B0)^-1 B0', B0 an orthonormal basis of the intersection of the ranges."""

    def null_basis(matrix):
        left, values, _ = torch.linalg.svd(matrix)
        return left[:, values < 1e-10]

    one, other = null_basis(first), null_basis(second)
    basis = null_basis(one @ one.T + other @ other.T)
    inner = torch.linalg.pinv(first, rtol=1e-10) + torch.linalg.pinv(second, rtol=1e-10) - eye(first)
    return basis @ torch.linalg.inv(basis.T @ inner @ basis) @ basis.T


@lawful(correlations(1), factors)
def test_a_conceptor_is_the_formula_and_the_minimum_of_its_loss(matrices, aperture):
    (matrix,) = matrices
    found = conceptor(matrix, aperture)
    same(found, matrix @ torch.linalg.inv(matrix + eye(matrix) / aperture**2))
    # d/dC of tr((I - C) R (I - C)') + a^-2 |C|^2 is zero
    same(found @ matrix - matrix + found / aperture**2, torch.zeros_like(matrix))
    same(found, conceptor(aperture**2 * matrix, 1))


@lawful(conceptors(1), factors)
def test_adapting_the_aperture_is_the_formula(found, factor):
    (one,) = found
    expected = one @ torch.linalg.pinv(one + negation(one) / factor**2)
    same(adapt(one, factor), expected)


@lawful(conceptors())
def test_and_is_the_definition_by_a_basis_of_both_ranges(found):
    same(conjunction(*found), by_bases(*found))


@lawful(conceptors())
def test_and_is_the_limit_of_invertible_conceptors(found):
    """Jaeger's definition of the singular case."""
    raised = [one + 1e-7 * eye(one) for one in found]
    limit = torch.linalg.inv(sum(torch.linalg.inv(one) for one in raised) - eye(found[0]))
    torch.testing.assert_close(conjunction(*found), limit, rtol=0, atol=1e-4)


@lawful(correlations(2))
def test_and_of_invertible_conceptors_is_the_closed_form(matrices):
    one, other = (conceptor(matrix + 0.1 * eye(matrix), 2) for matrix in matrices)
    inverses = torch.linalg.inv(one) + torch.linalg.inv(other)
    same(conjunction(one, other), torch.linalg.inv(inverses - eye(one)))


@lawful(conceptors(3))
def test_results_are_conceptors(found):
    one, other, _ = found
    for result in (conjunction(one, other), disjunction(one, other), negation(one), adapt(one, 3)):
        same(result, result.T)
        at_most(torch.zeros_like(result), result)
        at_most(result, eye(result))
        assert -1e-9 < quota(result) < 1 + 1e-9


@pairs
@lawful(conceptors(3))
def test_operations_commute_and_associate(operation, found):
    one, other, third = found
    same(operation(one, other), operation(other, one))
    same(operation(operation(one, other), third), operation(one, operation(other, third)))


@lawful(conceptors())
def test_de_morgan(found):
    one, other = found
    same(negation(disjunction(one, other)), conjunction(negation(one), negation(other)))
    same(negation(conjunction(one, other)), disjunction(negation(one), negation(other)))
    same(negation(negation(one)), one)


@lawful(conceptors(1))
def test_neutral_and_absorbing_elements(found):
    (one,) = found
    everything, nothing = eye(one), torch.zeros_like(one)
    same(conjunction(one, everything), one)
    same(conjunction(one, nothing), nothing)
    same(disjunction(one, nothing), one)
    same(disjunction(one, everything), everything)


@lawful(conceptors(1))
def test_a_conceptor_twice_is_its_aperture_changed(found):
    (one,) = found
    same(disjunction(one, one), adapt(one, sqrt(2)))
    same(conjunction(one, one), adapt(one, 1 / sqrt(2)))


@lawful(conceptors(), factors, factors)
def test_apertures_multiply_and_pass_through_the_operations(found, g, b):
    one, other = found
    same(adapt(adapt(one, g), b), adapt(one, g * b))
    same(negation(adapt(one, g)), adapt(negation(one), 1 / g))
    same(disjunction(adapt(one, g), adapt(other, g)), adapt(disjunction(one, other), g))
    same(conjunction(adapt(one, g), adapt(other, g)), adapt(conjunction(one, other), g))
    same(disjunction(adapt(one, g), adapt(one, b)), adapt(one, sqrt(g**2 + b**2)))


@lawful(conceptors(1), factors)
def test_adapting_goes_with_a_change_of_basis(found, factor):
    (one,) = found
    turn = rotation(len(one), torch.Generator().manual_seed(0))
    same(adapt(turn @ one @ turn.T, factor), turn @ adapt(one, factor) @ turn.T)


@lawful(correlations(2), factors)
def test_adapting_is_learning_with_another_aperture_and_or_is_adding_correlations(matrices, aperture):
    one, other = matrices
    same(adapt(conceptor(one, 1), aperture), conceptor(one, aperture))
    joined = disjunction(conceptor(one, aperture), conceptor(other, aperture))
    same(joined, conceptor(one + other, aperture))


@lawful(correlations(2))
def test_on_data_not_inverts_the_correlation_and_and_adds_inverses(matrices):
    one, other = (matrix + 0.1 * eye(matrix) for matrix in matrices)
    same(negation(conceptor(one, 1)), conceptor(torch.linalg.inv(one), 1))
    parallel = torch.linalg.inv(torch.linalg.inv(one) + torch.linalg.inv(other))
    same(conjunction(conceptor(one, 1), conceptor(other, 1)), conceptor(parallel, 1))


@lawful(conceptors(), st.floats(1, 5))
def test_and_lies_below_and_or_and_a_larger_aperture_above(found, factor):
    one, other = found
    at_most(conjunction(one, other), one)
    at_most(one, disjunction(one, other))
    at_most(one, adapt(one, factor))
    assert quota(conjunction(one, other)) <= quota(one) + 1e-9


@lawful(conceptors(1))
def test_the_limits_of_the_aperture_are_hard(found):
    (one,) = found
    values, vectors = torch.linalg.eigh(one)
    same(adapt(one, inf), vectors * (values > 1e-9).to(values) @ vectors.T)
    same(adapt(one, 0), vectors * (values > 1 - 1e-9).to(values) @ vectors.T)
    # s / (s + g^-2 (1 - s)) falls short of 1 by at most (1 - s) / s g^-2, here with s >= 0.05
    assert (adapt(one, 1e4) - adapt(one, inf)).abs().max() < 19e-8 + 1e-12
    same(adapt(adapt(one, inf), 3), adapt(one, inf))


def test_what_boolean_logic_has_and_conceptors_have_not():
    """Idempotence, absorption and distributivity fail, as Jaeger says."""
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randn(3, 4, 6, dtype=DOUBLE, generator=generator)
    one, other, third = conceptor(drawn @ drawn.mT, 1)
    assert (conjunction(one, one) - one).abs().max() > 1e-2
    assert (conjunction(one, disjunction(one, other)) - one).abs().max() > 1e-2
    spread = disjunction(conjunction(one, other), conjunction(one, third))
    assert (conjunction(one, disjunction(other, third)) - spread).abs().max() > 1e-2


@lawful(seeds)
def test_many_at_once_are_as_each_alone_whatever_their_ranks(seed):
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(2, 3, 5, 5, dtype=DOUBLE, generator=generator)
    for rank, matrix in enumerate(drawn.flatten(0, 1)):
        matrix[:, rank:] = 0
    one, other = conceptor(drawn @ drawn.mT, 2)
    for operation in (conjunction, disjunction):
        found = operation(one, other)
        same(found, torch.stack([operation(*pair) for pair in zip(one, other, strict=True)]))
    same(adapt(one, 3), torch.stack([adapt(each, 3) for each in one]))
    assert quota(one).shape == (3,)


def test_single_precision_is_solved_in_double():
    drawn = torch.randn(2, 4, 6, generator=torch.Generator().manual_seed(0))
    one, other = conceptor(drawn @ drawn.mT, 2)
    assert one.dtype == conjunction(one.float(), other.float()).dtype == DOUBLE


def test_the_quota_is_the_mean_eigenvalue():
    same(quota(torch.diag(torch.tensor([1.0, 0.5, 0.0, 0.1]))), torch.tensor(0.4, dtype=DOUBLE))


@pytest.mark.parametrize("aperture", [0, -1, inf])
def test_an_aperture_without_a_conceptor_is_refused(aperture):
    with pytest.raises(ValueError, match="must be above 0 and finite"):
        conceptor(torch.eye(2), aperture)
    with pytest.raises(ValueError, match="must not be below 0"):
        adapt(torch.eye(2), -1)


@lawful(seeds)
def test_channels_and_positions_are_regulated_by_one_conceptor(seed):
    """C(XX') X = X C(X'X): the theorem behind solving among the positions."""
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(5, 3 + seed % 5, dtype=DOUBLE, generator=generator)
    among_channels = conceptor(features @ features.T, 2) @ features
    same(among_channels, features @ conceptor(features.T @ features, 2))
