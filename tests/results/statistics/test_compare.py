import numpy as np
import pytest
from tables import frame, rows

from xaibench.results.statistics.compare import compare

NAMES = ["mine", "other"]


def scores(n=20, seed=0):
    return np.random.default_rng(seed).uniform(size=(n, 2))


def table(values, **facts):
    return frame(rows(values, NAMES, **facts))


def verdicts(found):
    return found.frame.set_index("explainer")["verdict"].to_dict()


def test_the_same_run_twice_is_equal():
    found = compare(table(scores()), table(scores()))
    assert verdicts(found) == {"mine": "equal", "other": "equal"}
    assert found.regressions.empty
    assert found.only.empty
    assert found.remarks == ()


@pytest.mark.parametrize(("higher", "verdict"), [(True, "worse"), (False, "better")])
def test_a_fall_is_worse_where_higher_is_better(higher, verdict):
    after = scores()
    after[:, 0] -= np.linspace(0.1, 0.2, 20)
    found = compare(table(scores(), higher_is_better=higher), table(after, higher_is_better=higher))
    assert verdicts(found) == {"mine": verdict, "other": "equal"}
    assert found.regressions["explainer"].tolist() == (["mine"] if verdict == "worse" else [])
    row = found.frame.iloc[0]
    assert row["difference"] == pytest.approx(-0.15)
    assert row["low"] < -0.15 < row["high"] < 0
    assert row["b"] - row["a"] == pytest.approx(row["difference"])
    assert row["images"] == 20


def test_noise_is_no_change():
    found = compare(
        table(scores()), table(scores() + 0.1 * np.random.default_rng(1).normal(size=(20, 2)))
    )
    assert set(verdicts(found).values()) == {"no difference beyond noise"}
    assert (found.frame["detectable"] > 0).all()


def test_rounding_is_equal_even_if_it_goes_one_way():
    after = scores() * (1 + 1e-6)
    assert set(verdicts(compare(table(scores()), table(after))).values()) == {"equal"}
    strict = compare(table(scores()), table(after), tolerance=0)
    assert set(verdicts(strict).values()) == {"better"}


def test_the_order_of_rows_changes_nothing():
    a, b = table(scores()), table(scores(seed=1))
    plain = compare(a, b).frame
    shuffled = compare(a, b.sample(frac=1, random_state=0)).frame
    assert plain.equals(shuffled)


def test_versions_of_a_metric_are_kept_apart_and_said_to_be():
    a, b = table(scores(), metric="deletion"), table(scores(), metric="deletion", metric_version=2)
    found = compare(a, b)
    assert found.frame.empty
    assert found.regressions.empty
    sides = found.only.groupby("only_in")["metric_version"].unique().map(list).to_dict()
    assert sides == {"A": [1], "B": [2]}
    (said,) = found.remarks
    assert said.startswith("deletion@1 and deletion@2 (A and B) are kept apart")


def test_versions_of_an_explainer_pair_by_name():
    found = compare(table(scores(), explainer_version=1), table(scores(), explainer_version=2))
    assert found.frame["versions"].tolist() == ["1 → 2", "1 → 2"]


def test_images_pair_by_name_and_class_and_others_are_counted():
    a = table(scores(), images=[f"i{n}" for n in range(20)])
    b = table(scores(), images=[f"i{n + 5}" for n in range(20)])
    found = compare(a, b).frame
    assert found["images"].tolist() == [15, 15]
    assert found["left_out"].tolist() == [10, 10]
    assert found["lost"].tolist() == [0, 0]  # nobody asked B about them


def test_lost_scores_are_a_regression_and_gained_ones_are_not():
    after = scores()
    after[:3, 0] = np.nan
    found = compare(table(scores()), table(after))
    assert found.regressions["explainer"].tolist() == ["mine"]
    row = found.frame.set_index("explainer").loc["mine"]
    assert row[["lost", "gained", "images", "left_out", "why_lost"]].tolist() == [3, 0, 17, 3, "no box"]
    assert row["reason"] == "B: undefined: no box (3)"
    back = compare(table(after), table(scores()))
    assert back.regressions.empty
    assert back.frame.set_index("explainer").loc["mine", "gained"] == 3


def test_a_cell_that_could_not_be_begun_has_lost_all():
    nothing = frame(
        rows(np.full((1, 2), np.nan), NAMES, images=[""], reason="no weights"),
    )
    found = compare(table(scores()), nothing)
    assert found.frame["lost"].tolist() == [20, 20]
    assert set(verdicts(found).values()) == {"cannot tell"}
    assert len(found.regressions) == 2


def test_images_with_other_content_are_not_paired():
    a, b = table(scores(), image_sha="a"), table(scores(), image_sha="a")
    b.loc[b["image"].isin(["i3", "i4"]), "image_sha"] = "b"
    found = compare(a, b)
    assert found.frame["images"].tolist() == [18, 18]
    assert found.remarks == ("2 images have other content in B and are not paired: i3, i4",)


def test_other_weights_are_said():
    found = compare(table(scores(), weights_sha="1"), table(scores(), weights_sha="2"))
    assert found.remarks == ("m: other weights in B than in A",)


def test_filters_choose_what_is_tested_and_so_what_it_is_corrected_for():
    after = scores()
    after[:, 0] -= 0.1 * np.random.default_rng(2).uniform(-0.3, 1, size=20)
    both = compare(table(scores()), table(after)).frame.set_index("explainer")
    mine = compare(table(scores()), table(after), explainers=["mine"]).frame.set_index("explainer")
    assert list(mine.index) == ["mine"]
    assert both.loc["mine", "p_holm"] == pytest.approx(2 * mine.loc["mine", "p_holm"])
    assert compare(table(scores()), table(after), metrics=["nothing"]).frame.empty
    assert compare(table(scores()), table(after), metrics=["x"]).frame.shape[0] == 2


def test_one_image_cannot_tell():
    found = compare(table(scores(1)), table(scores(1) + 1))
    assert set(verdicts(found).values()) == {"cannot tell"}


@pytest.mark.slow
def test_two_seeds_of_the_same_thing_are_rarely_a_regression():
    """Of runs that differ by noise alone, one in forty is called worse: one side of 0.05."""
    rng = np.random.default_rng(0)
    times = 200
    images = rng.uniform(size=(times, 25, 2))
    false = sum(
        not compare(
            table(each + rng.normal(0, 0.1, each.shape)), table(each + rng.normal(0, 0.1, each.shape))
        ).regressions.empty
        for each in images
    )
    assert false / times < 0.05 + 3 * np.sqrt(0.05 * 0.95 / times)
