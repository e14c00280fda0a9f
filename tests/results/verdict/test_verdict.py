"""The verdict on one model and data set."""

import numpy as np
import pytest

from xaibench.results.verdict.sentences import (
    counted,
    equal_sentence,
    listed,
    needed_sentence,
    verdict_sentence,
)
from xaibench.results.verdict.verdict import (
    MetricScores,
    UnitRanks,
    joint_verdict,
    together,
    unit_ranks,
    verdict,
)


def scores(goodness, names, metric="deletion@1", family="perturbation", units=None):
    units = units or tuple(f"image-{i:03}" for i in range(len(goodness)))
    return MetricScores(metric, family, 1.0, units, tuple(names), np.asarray(goodness, dtype=float))


def drawn(means, n, noise=0.1, seed=0):
    return np.random.default_rng(seed).normal(means, noise, size=(n, len(means)))


@pytest.fixture
def clear():
    names = ("cam", "edge", "grad-cam", "random", "score-cam")
    means = (0.5, 0.1, 0.5, 0.0, 0.9)
    goodness = drawn(means, 20)
    goodness[:, 2] = goodness[:, 0]
    return verdict([scores(goodness, names)], ("edge", "random"))


def test_controls_are_not_ranked(clear):
    assert [standing.explainer for standing in clear.ranked] == ["score-cam", "cam", "grad-cam"]
    assert [s.explainer for s in clear.standings if s.control] == ["edge", "random"]
    assert all(np.isnan(s.score) for s in clear.standings if s.control)


def test_the_best_stands_alone_and_equal_ones_share_their_interval(clear):
    assert clear.best == ("score-cam",)
    assert [(s.rank_low, s.rank_high) for s in clear.ranked] == [(1, 1), (2, 3), (2, 3)]
    assert clear.equal == (("cam", "grad-cam"),)


def test_all_beat_both_controls(clear):
    assert clear.beat_all_controls == ("score-cam", "cam", "grad-cam")
    assert (
        verdict_sentence(clear) == "score-cam is best on these 20 images; all three beat every control."
    )


def test_one_number_is_printed_and_tested(clear):
    assert clear.ranked[0].score == 1.0
    assert clear.ranked[1].score == clear.ranked[2].score == 2.5
    assert clear.ranked[0].low == 1.0 < clear.ranked[0].high < 1.4


def test_another_explainer_far_behind_changes_no_rank_above_it(clear):
    names = ("cam", "edge", "grad-cam", "random", "score-cam", "worst")
    goodness = drawn((0.5, 0.1, 0.5, 0.0, 0.9), 20)
    goodness[:, 2] = goodness[:, 0]
    wider = verdict([scores(np.column_stack([goodness, np.full(20, -5.0)]), names)], ("edge", "random"))
    assert [s.score for s in wider.ranked[:3]] == [s.score for s in clear.ranked]


def test_five_images_separate_nobody_and_the_sentence_is_about_the_images():
    ladder = np.tile([3.0, 2.0, 1.0, 0.0], (5, 1))
    result = verdict([scores(ladder, ("a", "b", "c", "random"))], ("random",))
    assert result.floor == 6
    assert verdict_sentence(result) == (
        "5 images cannot separate 3 explainers (at least 6 images are needed); all three beat random."
    )


def test_metrics_of_one_family_have_one_vote():
    names = ("a", "b")
    first, second = np.tile([1.0, 0.0], (8, 1)), np.tile([0.0, 1.0], (8, 1))
    both = verdict(
        [
            scores(first, names, "insertion@1"),
            scores(first, names, "deletion@1"),
            scores(second, names, "pointing-game@1", "localisation"),
        ]
    )
    assert [s.score for s in both.ranked] == [1.5, 1.5]


def test_a_unit_without_the_score_of_a_ranked_explainer_is_left_out_of_all():
    goodness = drawn((0.9, 0.5, 0.1), 12)
    goodness[0, 0] = np.nan
    result = verdict([scores(goodness, ("a", "b", "c"))])
    assert (result.units, result.left_out) == (11, 1)
    assert result.best == ("a",)
    assert result.last_where_undefined == ("a",)


def test_where_the_missing_scores_count_as_last_the_set_may_be_another():
    goodness = np.tile([0.9, 0.5, 0.1], (14, 1))
    goodness[:6, 0] = np.nan
    result = verdict([scores(goodness, ("a", "b", "c"))])
    assert result.best == ("a",)
    assert result.last_where_undefined == ("a", "b")


def test_an_explainer_that_lacks_most_scores_is_named_and_costs_the_others_nothing():
    goodness = drawn((0.9, 0.5, 0.1), 12)
    goodness[:7, 1] = np.nan
    result = verdict([scores(goodness, ("a", "b", "c"))])
    assert (result.units, result.left_out) == (12, 0)
    assert [(s.explainer, s.lacking) for s in result.standings if not s.ranked] == [("b", 7)]


def test_a_unit_without_boxes_is_ranked_by_the_other_metrics():
    names = ("a", "b")
    everywhere, somewhere = drawn((0.9, 0.1), 10), drawn((0.9, 0.1), 10)
    somewhere[3:] = np.nan
    result = verdict([scores(everywhere, names), scores(somewhere, names, "pointing@1", "localisation")])
    assert result.units == 10


def test_several_models_on_one_data_set_are_one_unit_an_image():
    names = ("a", "b")
    first = UnitRanks(("x", "y"), names, np.array([[1.0, 2.0], [2.0, 1.0]]))
    second = UnitRanks(("y", "z"), names, np.array([[1.0, 2.0], [np.nan, 1.0]]))
    joint = together([("shapes", first), ("shapes", second), ("photos", first)])
    assert joint.units == ("shapes/x", "shapes/y", "shapes/z", "photos/x", "photos/y")
    np.testing.assert_array_equal(joint.ranks, [[1, 2], [1.5, 1.5], [np.nan, 1], [1, 2], [2, 1]])
    assert joint.complete.tolist() == [True, True, False, True, True]


def test_an_explainer_that_one_model_does_not_support_is_not_ranked_over_both():
    full, partial = drawn((0.9, 0.5, 0.1), 8), drawn((0.9, 0.5, 0.1), 8)
    partial[:, 2] = np.nan
    blocks = [("one", [scores(full, ("a", "b", "c"))]), ("two", [scores(partial, ("a", "b", "c"))])]
    joint = joint_verdict(blocks)
    assert [s.explainer for s in joint.ranked] == ["a", "b"]
    assert (joint.units, joint.left_out) == (16, 0)


def test_the_order_of_units_and_metrics_changes_nothing():
    goodness = drawn((0.9, 0.5, 0.1), 9)
    one = scores(goodness, ("a", "b", "c"))
    names = one.units[::-1]
    other = scores(goodness[::-1], ("a", "b", "c"), units=names)
    assert verdict([one]) == verdict([other])
    assert unit_ranks([one], ("a", "b")).ranks.shape == (9, 2)


def test_an_unknown_number_of_images_is_a_range_or_more_than():
    assert needed_sentence((12, 40), "to halve the set") == (
        "Between 12 and 40 images would be needed to halve the set."
    )
    assert needed_sentence((12, np.inf), "to halve the set") == (
        "More than 12 images would be needed to halve the set."
    )
    assert needed_sentence((1, 1), "for it") == "About 1 image would be needed for it."
    assert needed_sentence((np.nan, np.nan), "for it") == ""


def test_sentences_have_the_right_number_and_conjunction():
    assert counted(1, "image") == "1 image"
    assert counted(2000, "image") == "2,000 images"
    assert listed(("a", "b", "c"), "or") == "a, b or c"
    assert equal_sentence((("cam", "grad-cam"), ("cam", "hirescam"), ("x", "y"))) == (
        "cam, grad-cam and hirescam have the same scores here. x and y have the same scores here."
    )
