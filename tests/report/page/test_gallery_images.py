from itertools import combinations

import numpy as np
import pytest
from reports import NAMES, keep, ready
from scipy.stats import spearmanr
from tables import folder, rows

from xaibench.report.page.gallery_images import disagreement, gallery, plain
from xaibench.report.page.small_maps import averaging
from xaibench.results.kept import KeptMap, kept_facts, load_kept
from xaibench.results.results import Results


def facts(**known):
    return KeptMap("m", "d", "i0", "dog", "dog", (), tuple(known.pop("explainers", NAMES)), **known)


def test_disagreement_is_one_less_the_mean_rank_correlation():
    maps = np.random.default_rng(0).random((3, 28, 42)).astype(np.float16)
    cells = [averaging(14, 28) @ m.astype(float) @ averaging(14, 42).T for m in maps]
    pairs = [spearmanr(a.ravel(), b.ravel()).statistic for a, b in combinations(cells, 2)]
    assert disagreement(facts(), maps, []) == pytest.approx(1 - np.mean(pairs), abs=1e-3)


def test_controls_and_flat_maps_do_not_disagree():
    rng = np.random.default_rng(0)
    maps = rng.random((3, 16, 16)).astype(np.float16)
    assert disagreement(facts(), maps[[0, 0, 1]], ["random"]) == 0
    assert disagreement(facts(), maps, ["random", "other"]) is None
    maps[1] = 0.5
    assert disagreement(facts(), maps, ["random"]) is None


def test_scores_stand_beside_the_maps_they_are_of(tmp_path):
    shown = gallery(Results.load(ready(tmp_path / "run")))
    rows_of = Results.load(tmp_path / "run").scores
    places = {metric["key"]: place for place, metric in enumerate(shown.metrics)}
    checked = 0
    for image in shown.images:
        model, _ = shown.blocks[image["b"]]
        here = rows_of[(rows_of["model"] == model) & (rows_of["image"] == image["n"])]
        for row in here.to_dict("records"):
            place = places[f"{row['metric']}@{row['metric_version']}"]
            found = image["s"][shown.explainers.index(row["explainer"])][place]
            expected = row["score"] if row["status"] == "ok" else row["status"]
            assert found == (pytest.approx(expected, rel=1e-3) if row["status"] == "ok" else expected)
            checked += 1
    assert checked == 4 * 9


def two_classes(path, **known):
    """An image of class 0, taken for class 1, which insertion asks about."""
    found = folder(
        path,
        rows([[0.25, 0.5]], NAMES[:2], metric="pointing-game", predicted=1),
        [
            type(row)(**{**vars(row), "target": 1})
            for row in rows([[0.75, 1.0]], NAMES[:2], metric="insertion", predicted=1)
        ],
    )
    keep(found, explainers=NAMES[:2], predicted="cat", **known)
    return gallery(Results.load(found))


def test_scores_of_the_predicted_class_are_marked_as_those(tmp_path):
    shown = two_classes(tmp_path / "run", target_index=0)
    (image,) = shown.images
    assert image["s"] == [[0.25, 0.75], [0.5, 1.0]]
    assert image["o"] == [1]
    assert [shown.classes[image[name]] for name in "tc"] == ["dog", "cat"]


def test_maps_that_do_not_say_their_class_have_scores_where_there_is_one_class(tmp_path):
    shown = two_classes(tmp_path / "two", target_index=-1)
    assert shown.unmatched == 1
    assert shown.images[0]["s"] == [[None, None], [None, None]]
    found = folder(tmp_path / "one", rows([[0.25]], ["cam"]))
    keep(found, explainers=["cam"], target_index=-1)
    shown = gallery(Results.load(found))
    assert shown.unmatched == 0
    assert shown.images[0]["s"] == [[0.25]]


def test_maps_of_images_that_were_not_run_are_left_out_and_counted(tmp_path):
    found = ready(tmp_path / "run", maps=1)
    keep(found, "another run's")
    shown = gallery(Results.load(found))
    assert shown.left_out == 1
    assert [image["n"] for image in shown.images] == ["i0"]
    assert shown.maps == 3


def test_an_explainer_without_a_map_leaves_a_gap(tmp_path):
    found = ready(tmp_path / "run", maps=0)
    keep(found, explainers=["other"])
    (image,) = gallery(Results.load(found)).images
    assert list(image["m"]) == [NAMES.index("other")]


def test_a_peak_is_that_of_the_whole_map(tmp_path):
    found = ready(tmp_path / "run", maps=0)
    maps = keep(found, side=(90, 120))
    (image,) = gallery(Results.load(found)).images
    for place in range(3):
        y, x = np.unravel_index(maps[place].argmax(), (90, 120))
        assert image["m"][place]["p"] == pytest.approx([(x + 0.5) / 120, (y + 0.5) / 90], abs=1e-4)


def test_images_are_in_the_order_of_the_leaderboards(tmp_path):
    found = ready(tmp_path / "run", maps=0)
    keep(found, "i5", model="n", seed=1)
    keep(found, "i6", seed=2)
    shown = gallery(Results.load(found))
    assert [shown.blocks[image["b"]][0] for image in shown.images] == ["m", "n"]


def test_what_a_file_says_is_read_without_its_maps(tmp_path):
    keep(tmp_path)
    (path,) = (tmp_path / "maps").iterdir()
    assert kept_facts(path) == load_kept(path)[0]
    assert kept_facts(path).target_index == 0


def test_scores_have_four_digits_and_what_json_cannot_say_is_none():
    assert plain((0.123456, False)) == 0.1235
    assert plain(("undefined", False)) == "undefined"
    assert [plain(None), plain((float("nan"), False)), plain((float("inf"), True))] == [None] * 3
