"""Boxes and masks go where torchvision's own geometry puts them, with the image.

Ours is one crop and one resampling of the original: `tv_tensors` of the same crop and size are its peer.
"""

import pytest
import torch
from torchvision import tv_tensors
from torchvision.transforms import v2

from xaibench.api.batch import Preprocess
from xaibench.api.region import Region

WIDTH, HEIGHT = 96, 64
BOX = (20, 10, 70, 50)


def theirs(kind, preprocess):
    """A tv_tensor through v2's crop and resize."""
    left, top, right, bottom = (round(edge) for edge in preprocess.frame(WIDTH, HEIGHT))
    cropped = v2.functional.crop(kind, top, left, bottom - top, right - left)
    how = v2.InterpolationMode.NEAREST_EXACT
    return v2.functional.resize(cropped, list(preprocess.size), interpolation=how)


@pytest.mark.parametrize("crop", [None, 1.0, 0.75])
@pytest.mark.parametrize("size", [(32, 32), (64, 64)])
def test_boxes_are_those_of_tv_tensors(size, crop):
    preprocess = Preprocess(size, crop=crop)
    box = torch.tensor([BOX], dtype=torch.float64)
    boxes = tv_tensors.BoundingBoxes(box, format="XYXY", canvas_size=(HEIGHT, WIDTH))
    found = Region((WIDTH, HEIGHT), preprocess.frame(WIDTH, HEIGHT), (BOX,)).seen_boxes(size)
    torch.testing.assert_close(
        torch.tensor(found), theirs(boxes, preprocess).as_subclass(torch.Tensor).float()
    )


@pytest.mark.parametrize("crop", [None, 1.0, 0.75])
@pytest.mark.parametrize("size", [(32, 32), (16, 24)])
def test_masks_are_those_of_tv_tensors_but_for_pixels_on_the_border(size, crop):
    """Nearest pixels know no share: where ours is 0 or 1 theirs is the same; else it is a border."""
    preprocess = Preprocess(size, crop=crop)
    ys, xs = torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), indexing="ij")
    disc = ((ys - 30) ** 2 + (xs - 44) ** 2) < 20**2
    region = Region((WIDTH, HEIGHT), preprocess.frame(WIDTH, HEIGHT), (), disc)
    share = region.covered(size)
    nearest = theirs(tv_tensors.Mask(disc), preprocess).bool()
    whole, none = share == 1, share == 0
    assert nearest[whole].all()
    assert not nearest[none].any()
    assert (whole | none).double().mean() > 0.8
