import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

from xaibench.api import DataError
from xaibench.results.aggregates import AGGREGATES, IOU_LEVELS, aggregate_of
from xaibench.results.intervals import drawn, resampled
from xaibench.results.results import Results
from xaibench.results.rows import Row, write_rows

RANDOM = np.random.default_rng(0)


def frame(images, scores=None, targets=None, curves=None, aggregate="mean") -> pd.DataFrame:
    count = len(images)
    return pd.DataFrame(
        {
            "metric": "x",
            "image": list(images),
            "score": [0.0] * count if scores is None else list(scores),
            "target": [0] * count if targets is None else list(targets),
            "curve": [()] * count if curves is None else list(curves),
            "aggregate": aggregate,
        }
    )


def any_rows(aggregate: str, images: str = "aabcdde") -> pd.DataFrame:
    count = len(images)
    curves = RANDOM.integers(0, 9, (count, 20)).astype(float)
    if aggregate == "best-threshold":
        curves = RANDOM.random((count, 100))
    targets = RANDOM.integers(0, 3, count)
    return frame(images, RANDOM.random(count), targets, curves, aggregate)


def literal_max_box_acc(curves) -> float:
    """One level, one threshold, one image at a time."""
    best = []
    for level in IOU_LEVELS:
        accuracies = [
            sum(curve[k] >= level for curve in curves) / len(curves) for k in range(len(curves[0]))
        ]
        best.append(max(accuracies))
    return sum(best) / len(best)


def test_the_best_threshold_is_that_of_all_images_together():
    curves = RANDOM.random((30, 100))
    found = AGGREGATES["best-threshold"].of(frame(range(30), curves=curves))
    assert found == pytest.approx(literal_max_box_acc(curves))
    alone = np.mean([literal_max_box_acc([curve]) for curve in curves])
    assert found < alone  # the mean over images takes each image's own


def test_iou_levels_are_reached_in_the_precision_of_rows(tmp_path):
    """0.7 in single precision is a little less than 0.7, and 7 of 10 is a hit."""
    curve = tuple([7 / 10] * 100)
    known = {"run": "r", "cell": "c", "status": "ok", "model": "m", "explainer": "e", "dataset": "d"}
    row = Row(**known, metric="x", image="i", target=0, score=1, curve=curve, aggregate="best-threshold")
    (tmp_path / "scores").mkdir()
    write_rows(tmp_path / "scores" / "one.parquet", [row])
    assert Results.load(tmp_path).intervals["mean"].tolist() == [1.0]


def test_average_precision_pools_the_pixels_of_all_images():
    objects, rests = RANDOM.integers(0, 9, (2, 5, 16))
    curves = np.concatenate([objects, rests], axis=1)
    found = AGGREGATES["average-precision"].of(frame("abcde", curves=curves))
    levels, truth = [], []
    for inside, counts in ((1, objects.sum(0)), (0, rests.sum(0))):
        for level, count in enumerate(counts):
            levels += [level] * count
            truth += [inside] * count
    assert found == pytest.approx(average_precision_score(truth, levels))


def test_classes_count_alike_however_many_trials_they_have():
    """Three hits of four trials of one class, none of one of another: 3/8, and not 3/5."""
    rows = frame("abcde", scores=[1, 1, 1, 0, 0], targets=[4, 4, 4, 4, 9])
    assert AGGREGATES["class-mean"].of(rows) == pytest.approx(3 / 8)
    assert AGGREGATES["mean"].of(rows) == pytest.approx(3 / 5)


def test_a_class_without_a_trial_is_left_out():
    """In a resample of the first image alone there is one class."""
    rows = frame("ab", scores=[1, 0], targets=[0, 1])
    parts = AGGREGATES["class-mean"].parts(rows)
    assert AGGREGATES["class-mean"].value(2 * parts).tolist() == [1, 0]


def totals(aggregate, rows):
    """What each image adds, (n, k), images sorted by name."""
    places, names = pd.factorize(rows["image"], sort=True)
    parts = aggregate.parts(rows)
    found = np.zeros((len(names), parts.shape[1]))
    np.add.at(found, places, parts)
    return found


@pytest.mark.parametrize("name", AGGREGATES)
def test_resampled_it_is_that_of_drawing_images_with_all_their_rows(name):
    """Each resample put together as rows and aggregated by itself, some images twice, some never."""
    rows, aggregate = any_rows(name), AGGREGATES[name]
    images = sorted(set(rows["image"]))
    values = resampled(totals(aggregate, rows), aggregate.value, seed=5, resamples=150)
    (times,) = drawn(len(images), 5, 150)
    expected = []
    for row in times.astype(int):
        draw = np.repeat(np.arange(len(images)), row)
        places = [i for place in draw for i, image in enumerate(rows["image"]) if image == images[place]]
        expected.append(aggregate.of(rows.iloc[places]))
    np.testing.assert_allclose(values, expected, atol=1e-12)


@pytest.mark.parametrize("name", AGGREGATES)
def test_the_order_of_rows_changes_nothing(name):
    rows = any_rows(name)
    shuffled = rows.sample(frac=1, random_state=1)
    assert AGGREGATES[name].of(rows) == pytest.approx(AGGREGATES[name].of(shuffled))


@pytest.mark.parametrize("name", AGGREGATES)
def test_one_image_has_a_value_and_none_has_none(name):
    rows, aggregate = any_rows(name, "aa"), AGGREGATES[name]
    assert 0 <= aggregate.of(rows) <= 1
    assert np.isnan(aggregate.of(rows[:0]))


def test_an_unknown_aggregate_is_named():
    with pytest.raises(DataError, match="metric 'x' is aggregated by 'median'; expected one of mean"):
        aggregate_of(frame("ab", aggregate="median"))


@pytest.mark.parametrize("name", ["best-threshold", "average-precision"])
def test_curves_of_different_lengths_are_an_error(name):
    rows = frame("ab", curves=[(1.0,), (1.0, 2.0)])
    with pytest.raises(DataError, match="curves of different lengths"):
        AGGREGATES[name].of(rows)
