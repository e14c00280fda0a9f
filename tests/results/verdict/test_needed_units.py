"""Planned numbers of units, as a range."""

from math import inf, isnan

import numpy as np

from xaibench.results.verdict.needed_units import (
    needed_for,
    needed_range,
    units_to_beat,
    units_to_halve,
)
from xaibench.results.verdict.sign_flips import adjusted_p


def test_a_certain_difference_needs_the_least_units():
    assert needed_for(np.full((5, 1), 0.1)).tolist() == [7]  # (1.645 + 0.842)^2 = 6.2
    assert needed_for(np.full((5, 1), -0.1)).tolist() == [inf]


def test_the_planned_number_has_about_the_planned_power():
    generator = np.random.default_rng(0)
    (units,) = needed_for(generator.normal(0.5, 1, size=(5000, 1)))
    wins = [adjusted_p(generator.normal(0.5, 1, size=(int(units), 1)))[0] <= 0.05 for _ in range(300)]
    assert 0.72 <= np.mean(wins) <= 0.88


def test_a_pilot_gives_a_range_that_is_wide_when_it_is_small():
    scores = np.random.default_rng(1).normal((1.0, 0.0), 1, size=(200, 2))
    small, large = (needed_range(scores[:n], units_to_beat(1)) for n in (10, 200))
    assert small[1] / small[0] > large[1] / large[0] >= 1
    assert isnan(needed_range(scores[:1], units_to_beat(1))[0])


def test_what_is_no_better_than_a_control_does_not_count():
    scores = np.random.default_rng(1).normal((3.0, -1.0, 0.0), 0.5, size=(50, 3))
    assert units_to_beat(2)(scores) < inf
    assert units_to_beat(1)(scores[:, [1, 2]]) == inf


def test_halving_needs_more_where_the_better_half_differs_less():
    generator = np.random.default_rng(1)
    far = generator.normal((5.0, 5.0, 0.0, 0.0), 1, size=(60, 4))
    near = generator.normal((0.5, 0.5, 0.0, 0.0), 1, size=(60, 4))
    assert units_to_halve(far) < units_to_halve(near)
