import torch

from xaibench.api.maps import flat, off_zero, rescale, tokens_to_grid, upsample, weighted_sum


def test_rescaled_maps_attain_zero_and_one():
    maps = torch.randn(5, 6, 7, dtype=torch.double) * torch.tensor([1e-9, 1, 1e9, 3, 7])[:, None, None]
    scaled = rescale(maps)
    assert torch.equal(scaled.amin((1, 2)), torch.zeros(5, dtype=torch.double))
    assert torch.equal(scaled.amax((1, 2)), torch.ones(5, dtype=torch.double))


def test_constant_maps_are_flat_whatever_their_magnitude():
    maps = torch.stack([torch.zeros(3, 3), torch.full((3, 3), 1e9), torch.full((3, 3), -4.0)])
    assert flat(maps).tolist() == [True, True, True]
    assert torch.equal(rescale(maps), torch.zeros(3, 3, 3))


def test_small_honest_maps_are_not_flat():
    maps = 1e-12 * torch.rand(2, 4, 4)
    assert flat(maps).tolist() == [False, False]


def test_weights_are_a_number_a_channel_or_a_number_a_cell():
    activations, weights = torch.randn(2, 5, 3, 4), torch.randn(2, 5)
    expected = sum(weights[:, k, None, None] * activations[:, k] for k in range(5))
    torch.testing.assert_close(weighted_sum(weights, activations), expected)
    spread = weights[:, :, None, None].expand_as(activations)
    torch.testing.assert_close(weighted_sum(spread, activations), expected)


def test_tokens_lie_row_by_row_on_a_grid_that_need_not_be_square():
    tokens = torch.arange(2 + 6.0)[None, :, None]
    assert tokens_to_grid(tokens, prefix=2, grid=(2, 3))[0, 0].tolist() == [[2, 3, 4], [5, 6, 7]]


def test_upsampling_does_not_align_corners():
    assert upsample(torch.tensor([[[0.0, 1.0]]]), (1, 4))[0, 0].tolist() == [0, 0.25, 0.75, 1]


def test_off_zero_keeps_signs_and_large_values():
    assert (
        off_zero(torch.tensor([1e-9, -1e-9, 2.0, -2.0]), 1e-3).tolist()
        == torch.tensor([1e-3, -1e-3, 2.0, -2.0]).tolist()
    )
