"""Data sets broken on purpose, each in one way: four small pictures."""

from functools import cache, partial

import numpy as np
import torch
from PIL import Image
from zoo_explainers import Broken

from xaibench.api import Dataset
from xaibench.api.batch import Example

DRAWN = torch.Generator().manual_seed(0)


def picture(number):
    noise = np.random.default_rng(number).integers(0, 255, (20, 24, 3), dtype=np.uint8)
    return Image.fromarray(noise)


def mask_of(number):
    mask = np.zeros((20, 24), dtype=bool)
    mask[number : number + 5] = True
    return mask


def example(number, **facts):
    usual = {
        "id": f"image-{number}",
        "image": partial(picture, number),
        "target": number % 2,
        "boxes": ((2, 2, 9, 9),),
        "mask": partial(mask_of, number),
    }
    return Example(**{**usual, **facts})


def pictures():
    """Return four images, the first of them asked about both classes."""
    return [*(example(i) for i in range(4)), example(0, target=1)]


def nothing():
    return []


def names_alone():
    return ["image-0", "image-1"]


def doubled():
    return [*pictures(), example(2)]


def machine_paths():
    return [example(0, id="/home/me/image-0.png")]


def fractional_class():
    return [example(0, target=0.5)]


def two_pictures_an_id():
    return [*pictures(), example(0, target=3, image=partial(picture, 9))]


def eager():
    made = [picture(i) for i in range(4)]
    return [example(i, image=made[i].copy) for i in range(4)]


def unreadable():
    return [example(0, image=partial(int, "no picture"))]


def box_outside():
    return [example(0), example(1, boxes=((2, 2, 60, 9),))]


def turned_mask():
    return [example(0, mask=lambda: mask_of(0).T)]


def empty_mask():
    return [example(0, mask=lambda: np.zeros((20, 24), dtype=bool))]


def grey_mask():
    return [example(0, mask=lambda: mask_of(0).astype(np.float32))]


def shuffled():
    order = torch.randperm(12, generator=DRAWN).tolist()
    return [example(i) for i in order]


def redrawn():
    start = int(torch.randint(1000, (1,), generator=DRAWN))
    return [example(i, image=partial(picture, start + i)) for i in range(4)]


def one_generator():
    """Each picture is the next draw of one generator that all share."""
    shared = np.random.default_rng(0)

    def draw():
        return Image.fromarray(shared.integers(0, 255, (20, 24, 3), dtype=np.uint8))

    return [example(i, image=draw) for i in range(4)]


@cache
def kept_mask(number):
    return mask_of(number)


def shared_masks():
    return [example(i, mask=partial(kept_mask, i)) for i in range(4)]


DATASETS = {
    "missing": Broken(("loads",), "has no attribute 'missing'", {}),
    "nothing": Broken(("examples",), r"a sequence of at least one Example\n.*list \[\]", {}),
    "names_alone": Broken(("examples",), r"Examples\n.*str 'image-0'", {}, typed=True),
    "doubled": Broken(("ids-unique",), r"'image-2', class 0, 2 times", {}),
    "machine_paths": Broken(("examples",), r"no path of this machine\n.*'/home/me", {}),
    "fractional_class": Broken(
        ("examples",), r"a class's index, or -1\n.*0.5 of 'image-0'", {}, typed=True
    ),
    "two_pictures_an_id": Broken(("one-picture-an-id",), r"two for 'image-0'", {}),
    "eager": Broken(("nothing-decoded",), r"made by fromarray.* while examples were listed", {}),
    "unreadable": Broken(("opens",), r"expected: no exception\n.*ValueError: invalid literal", {}),
    "box_outside": Broken(("regions-inside",), r"within 24 x 20 pixels\n.*\(2, 2, 60, 9\)", {}),
    "turned_mask": Broken(("regions-inside",), r"the mask of image 'image-0'", {}),
    "empty_mask": Broken(("regions-inside",), r"an empty one of 'image-0'", {}),
    "grey_mask": Broken(("regions-inside",), r"a mask of bool, \(20, 24\)\n.*float32", {}, typed=True),
    "shuffled": Broken(("loaded-twice",), r"the same examples when it is loaded again", {}),
    "redrawn": Broken(
        ("loaded-twice",), r"the same picture, boxes and mask when it is loaded again", {}
    ),
    "one_generator": Broken(("any-order",), r"in any order and thread", {}),
    "shared_masks": Broken(("mask-of-its-own",), r"one that is shared, of 'image-0'", {}),
}


def dataset(name: str) -> Dataset:
    """The spec of one of the zoo."""
    return Dataset(name=name, at=f"zoo_datasets:{name}")
