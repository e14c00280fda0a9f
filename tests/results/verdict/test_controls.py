"""Explainers against controls."""

import numpy as np

from xaibench.results.verdict.controls import control_p


def test_six_units_show_that_a_good_explainer_beats_chance():
    goodness, chance = np.full((6, 1), 2.0), np.full((6, 1), 1.0)
    assert control_p(goodness, chance).tolist() == [[1 / 64]]


def test_an_explainer_that_is_a_control_is_not_shown_to_beat_it():
    scores = np.random.default_rng(0).normal(size=(12, 2))
    p = control_p(scores, scores[:, :1])
    assert p.shape == (2, 1)
    assert p[0, 0] == 1


def test_each_pair_has_its_own_p():
    generator = np.random.default_rng(0)
    explainers = generator.normal((4.0, 0.0), 1, size=(15, 2))
    controls = generator.normal((0.0, 3.9), 1, size=(15, 2))
    shown = control_p(explainers, controls) <= 0.05
    assert shown.tolist() == [[True, False], [False, False]]
