"""Against Quantus, where it is installed: `pip install --no-deps quantus` beside our test extra.

It is not in the extra, since it pins what others need otherwise.
"""

import warnings

import numpy as np
import pytest
import torch
from located import random_mask, trials, whole
from xaibench_metrics.description.sparseness import complexity, sparseness
from xaibench_metrics.localisation.energy import energy, relevance_rank, tied_peak

H, W, COUNT = 20, 17, 60


@pytest.fixture(scope="module")
def quantus():
    with warnings.catch_warnings(action="ignore"):  # what it imports is its own affair
        return pytest.importorskip("quantus")


def some():
    generator = torch.Generator().manual_seed(0)
    maps = torch.rand(COUNT, H, W, dtype=torch.double, generator=generator)
    maps[::2] = (maps[::2] * 5).round() / 5  # tied maxima
    masks = [random_mask(W, H, seed) & random_mask(W, H, seed + 99) for seed in range(COUNT)]
    return maps, masks, trials([whole(W, H, mask=mask) for mask in masks], H, W)


def theirs(metric, maps, masks) -> np.ndarray:
    images = np.zeros((COUNT, 3, H, W))
    located = {"s_batch": torch.stack(masks)[:, None].numpy()}
    found = metric(
        model=None,
        x_batch=images,
        y_batch=np.zeros(COUNT, dtype=int),
        a_batch=maps[:, None].numpy().copy(),
        **located,
    )
    return np.array(found, dtype=float)


SETTINGS = {"normalise": False, "disable_warnings": True, "display_progressbar": False}


@pytest.mark.parametrize(
    ("name", "ours", "tolerance"),
    [
        ("PointingGame", tied_peak, 0),
        ("RelevanceMassAccuracy", lambda maps, batch: energy(maps, batch, "mask"), 1e-9),
        ("Sparseness", sparseness, 1e-6),  # they add 1e-7 to every pixel
        ("Complexity", complexity, 1e-8),  # they add 1e-12 to every share
    ],
)
def test_agrees_with_quantus(quantus, name, ours, tolerance):
    maps, masks, batch = some()
    found = ours(maps, batch).scores.numpy()
    expected = theirs(getattr(quantus, name)(abs=False, **SETTINGS), maps, masks)
    assert len(set(found.tolist())) > 1
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


def test_ranks_agree_where_nothing_is_tied(quantus):
    maps, masks, batch = some()
    found = relevance_rank(maps, batch).scores.numpy()
    expected = theirs(quantus.RelevanceRankAccuracy(abs=False, **SETTINGS), maps, masks)
    np.testing.assert_allclose(found[1::2], expected[1::2], atol=1e-12)


def test_a_flat_map_among_others_is_their_hit_and_not_ours(quantus):
    maps, masks, batch = some()
    maps[0] = 0.5
    assert theirs(quantus.PointingGame(**SETTINGS), maps, masks)[0] == 1
    assert tied_peak(maps, batch).scores[0].isnan()
