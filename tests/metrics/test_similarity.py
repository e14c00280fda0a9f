import numpy as np
import pytest
import torch
from scipy.stats import rankdata, spearmanr
from skimage.metrics import structural_similarity
from xaibench_metrics.similarity import average_ranks, pearson, spearman, ssim


@pytest.fixture
def pair():
    """Maps with plateaus, as a ReLU leaves them: half of the pixels of each are 0."""
    drawn = torch.randn(2, 4, 20, 17, dtype=torch.double, generator=torch.Generator().manual_seed(0))
    maps = drawn.relu()
    return maps[0] / maps[0].amax((1, 2), keepdim=True), maps[1] / maps[1].amax((1, 2), keepdim=True)


def test_equal_pixels_share_the_mean_of_their_ranks(pair):
    expected = [rankdata(saliency.flatten()) - 1 for saliency in pair[0].numpy()]
    np.testing.assert_array_equal(average_ranks(pair[0]).numpy(), expected)


def test_rank_correlation_is_scipys(pair):
    expected = [spearmanr(a.flatten(), b.flatten()).statistic for a, b in zip(*pair, strict=True)]
    np.testing.assert_allclose(spearman(*pair).numpy(), expected, rtol=1e-12)


def test_correlation_is_numpys(pair):
    expected = [np.corrcoef(a.flatten(), b.flatten())[0, 1] for a, b in zip(*pair, strict=True)]
    np.testing.assert_allclose(pearson(*pair).numpy(), expected, rtol=1e-12)


def test_structural_similarity_is_scikit_images(pair):
    settings = {
        "gaussian_weights": True,
        "sigma": 1.5,
        "use_sample_covariance": False,
        "data_range": 1.0,
    }
    expected = [
        structural_similarity(a.numpy(), b.numpy(), **settings) for a, b in zip(*pair, strict=True)
    ]
    np.testing.assert_allclose(ssim(*pair).numpy(), expected, rtol=1e-9)


@pytest.mark.parametrize("alike", [pearson, spearman, ssim])
def test_a_map_is_like_itself_and_a_flat_one_like_nothing(alike, pair):
    assert alike(pair[0], pair[0]).tolist() == pytest.approx([1] * 4)
    for constant in (0.0, 0.1):
        maps = pair[0].clone()
        maps[1] = constant
        assert alike(maps, pair[1]).isnan().tolist() == [False, True, False, False]
        assert alike(pair[1], maps).isnan().tolist() == [False, True, False, False]


def test_ranks_turned_round_are_minus_one(pair):
    assert spearman(pair[0], 1 - pair[0]).tolist() == pytest.approx([-1] * 4)


def test_increasing_functions_leave_the_rank_correlation(pair):
    torch.testing.assert_close(spearman(pair[0] ** 3, pair[1].sqrt()), spearman(*pair))
