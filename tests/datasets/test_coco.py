import sys
from pathlib import Path

import numpy as np
import pytest
import releases
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as official
from pycocotools.coco import COCO
from timm.data import ImageNetInfo
from xaibench_datasets.coco import CATEGORIES, coco
from xaibench_datasets.coco_masks import lengths, mask_of
from xaibench_datasets.mapping import MAPS, numbered
from xaibench_datasets.voc import CLASSES as VOC

from xaibench.api import DataError

# pycocotools 2.0.11 decodes into an array of NumPy 1's kind.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

WIDTH, HEIGHT = 40, 30
BLOB = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
BLOB[5:12, 8:30] = BLOB[20:22, 0:3] = 1


def compressed(mask) -> dict:
    runs = official.encode(np.asfortranarray(mask))
    return {"size": list(runs["size"]), "counts": runs["counts"].decode()}


def plain(mask) -> dict:
    flat = mask.flatten(order="F").astype(int)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flat, [1 - flat[-1]]])))
    return {"size": list(mask.shape), "counts": np.diff([0, *edges]).tolist()}


ANNOTATIONS = [
    {
        "image_id": 7,
        "category_id": 17,
        "segmentation": [[1.5, 2, 20, 2.5, 18.2, 17], [30, 20, 39, 20, 39, 29]],
    },
    {
        "image_id": 7,
        "category_id": 17,
        "segmentation": [[-4, -3, 12.7, 4, 5, 44]],
        "bbox": [1.5, 2, 3, 4],
    },
    {"image_id": 7, "category_id": 18, "segmentation": compressed(BLOB)},
    {"image_id": 7, "category_id": 1, "segmentation": plain(BLOB), "iscrowd": 1},
    {"image_id": 9, "category_id": 1, "segmentation": plain(1 - BLOB), "iscrowd": 1},
    {"image_id": 9, "category_id": 1, "segmentation": [[10, 10, 20, 10, 20, 20]], "area": 50},
    {"image_id": 1234, "category_id": 1, "segmentation": []},
]


@pytest.fixture
def release(tmp_path) -> Path:
    images = [
        (7, "000000000007.jpg", WIDTH, HEIGHT),
        (9, "猫 ñ.jpg", WIDTH, HEIGHT),
        (11, "0.jpg", 9, 9),
    ]
    path = releases.instances(tmp_path, images, ANNOTATIONS)
    for _, name, width, height in images:
        releases.photograph(tmp_path / "val2017" / name, width, height)
    return path


def by_official(path: Path, category: int, image: int, crowds: bool) -> np.ndarray:
    """The union of the official API's masks, its own reading of the same file."""
    api = COCO(str(path))
    wanted = api.getAnnIds(imgIds=[image], catIds=[category], iscrowd=None if crowds else False)
    return np.any([api.annToMask(one) for one in api.loadAnns(wanted)], axis=0)


@pytest.mark.parametrize("crowds", [False, True])
def test_masks_are_the_official_apis(release, crowds, capsys):
    found = coco(release.parent.parent, crowds=crowds)
    asked = {(7, 17, "cat"), (7, 18, "dog"), (9, 1, "person")} | (
        {(7, 1, "person")} if crowds else set()
    )
    names = {7: "000000000007", 9: "猫 ñ"}
    assert {(e.id, e.label) for e in found} == {(names[image], label) for image, _, label in asked}
    for image, category, label in asked:
        (example,) = [e for e in found if (e.id, e.label) == (names[image], label)]
        np.testing.assert_array_equal(example.mask(), by_official(release, category, image, crowds))
        assert example.open().size == (WIDTH, HEIGHT)
        assert example.target == [*CATEGORIES].index(category)


def test_areas_are_the_official_apis():
    for one in ANNOTATIONS[:6]:
        said = releases.json.dumps(one["segmentation"]).encode()
        runs = one["segmentation"]
        if not isinstance(runs, dict) or isinstance(runs["counts"], list):
            runs = official.frPyObjects(runs, HEIGHT, WIDTH)
        merged = official.merge(runs) if isinstance(runs, list) else runs
        assert mask_of(said, (WIDTH, HEIGHT), "x").sum() == official.area(merged)


def test_a_mask_by_hand():
    """Runs go down the columns, the first is outside: column 1 of three, and the last pixel."""
    runs = b'{"size": [2, 3], "counts": [2, 2, 1, 1]}'
    expected = [[False, True, False], [False, True, True]]
    np.testing.assert_array_equal(mask_of(runs, (3, 2), "x"), expected)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**31), st.floats(0, 1))
def test_run_lengths_come_back_in_both_forms(width, height, seed, share):
    mask = (np.random.default_rng(seed).random((height, width)) < share).astype(np.uint8)
    for form in (compressed(mask), plain(mask)):
        said = releases.json.dumps(form).encode()
        np.testing.assert_array_equal(mask_of(said, (width, height), "x"), mask)
    assert lengths(compressed(mask)["counts"], "x") == plain(mask)["counts"]


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        ({"size": [HEIGHT, WIDTH], "counts": [3, 4]}, "add up to 7, the least is 3; the image has 1200"),
        ({"size": [HEIGHT, WIDTH], "counts": [-3, 1203]}, "the least is -3"),
        ({"size": [4000, 4000], "counts": [16000000]}, "run lengths are of"),
        ({"size": [HEIGHT, WIDTH], "counts": "o"}, "end within a number"),
        ({"size": [HEIGHT, WIDTH], "counts": "é"}, "in no compressed run lengths"),
        ([[1, 2, 3, 4]], "at least three x and y"),
        ([[1, 2, 3, 4, 1e9, 5]], "its polygon reaches from"),
        ([["a", 2, 3, 4, 5, 5]], r"segmentation cannot be read: Expected .float.*\$\[0\]\[0\]"),
        ({"counts": []}, "missing required field `size`"),
    ],
)
def test_a_segmentation_that_is_none_is_named_with_its_file(tmp_path, segmentation, message):
    images = [(7, "7.jpg", WIDTH, HEIGHT)]
    releases.instances(
        tmp_path, images, [{"image_id": 7, "category_id": 1, "segmentation": segmentation}]
    )
    (example,) = coco(tmp_path)
    with pytest.raises(DataError, match=rf"instances_val2017.json, annotation 900.*{message}"):
        example.mask()


def test_boxes_are_corners_and_stand_in_for_missing_masks(tmp_path):
    boxes = [[1.5, 2, 3, 4], [-5, 3, 10, 0], [30, 20, 50, 50]]
    annotations = [{"image_id": 7, "category_id": 1, "bbox": box} for box in boxes]
    releases.instances(tmp_path, [(7, "7.jpg", WIDTH, HEIGHT)], annotations)
    (example,) = coco(tmp_path)
    assert example.mask is None
    assert example.boxes == ((1.5, 2, 4.5, 6), (-5, 3, 5, 3), (30, 20, 80, 70))


def test_the_difficult_subset_is_small_and_not_alone(tmp_path):
    quarter = WIDTH * HEIGHT / 4
    areas = {1: [quarter - 1], 2: [quarter], 3: [quarter / 2, quarter / 2 - 1], 4: [quarter / 2] * 2}
    annotations = [
        {"image_id": image, "category_id": 17, "area": area} for image in areas for area in areas[image]
    ]
    annotations += [{"image_id": image, "category_id": 18, "area": 900} for image in areas]
    annotations += [{"image_id": 5, "category_id": 17, "area": 1}]
    images = [(i, f"{i}.jpg", WIDTH, HEIGHT) for i in range(1, 6)]
    releases.instances(tmp_path, images, annotations)
    assert [(e.id, e.label) for e in coco(tmp_path, difficult=True)] == [("1", "cat"), ("3", "cat")]


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a/../../x.jpg", "C:\\x.jpg", ""])
def test_a_path_that_leaves_the_folder_is_refused(tmp_path, name):
    releases.instances(tmp_path, [(7, name, WIDTH, HEIGHT)], [])
    with pytest.raises(DataError, match=r"instances_val2017.json, image 7: .* is no path inside of"):
        coco(tmp_path)


def test_a_link_that_leaves_the_folder_is_refused(tmp_path):
    outside = releases.photograph(tmp_path / "outside" / "x.jpg")
    releases.instances(tmp_path / "root", [(7, "x.jpg", WIDTH, HEIGHT)], [])
    (tmp_path / "root" / "val2017" / "x.jpg").symlink_to(outside)
    with pytest.raises(DataError, match=r"image 7: 'x.jpg' is a link that leads out of"):
        coco(tmp_path / "root")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "truncated"),
        ('{"info": ' + "[" * 100000, "recursion"),
        ('{"images": [], "annotations": []}', "missing required field `categories`"),
        (
            '{"images": [{"id": 1, "file_name": "a", "width": 3, "height": "x"}], '
            '"annotations": [], "categories": []}',
            r"\$.images\[0\].height",
        ),
        (
            '{"images": [], "annotations": [{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3]}], '
            '"categories": []}',
            r"\$.annotations\[0\].bbox",
        ),
        (
            '{"images": [], "annotations": [], "categories": [{"id": 3, "name": "dent"}]}',
            "category 3, 'dent'",
        ),
    ],
)
def test_a_file_of_another_shape_is_named_with_record_and_field(tmp_path, text, message):
    releases.write(tmp_path / "annotations" / "instances_val2017.json", text)
    with pytest.raises(DataError, match=f"instances_val2017.json.*{message}"):
        coco(tmp_path)


def test_the_annotation_file_must_be_clear(tmp_path):
    with pytest.raises(DataError, match=r"such as instances_val2017.json; found none"):
        coco(tmp_path)
    for split in ("one", "two"):
        path = releases.instances(
            tmp_path, [(7, "x.jpg", 9, 9)], [{"image_id": 7, "category_id": 1}], split=split
        )
    with pytest.raises(DataError, match="several, of which one must be named"):
        coco(tmp_path)
    assert len(coco(path)) == 1


def test_without_pycocotools_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pycocotools.mask", None)
    with pytest.raises(DataError, match=r"pip install 'xaibench\[coco\]'"):
        mask_of(b"[[1, 2, 3, 4, 5, 6]]", (9, 9), "x")


def test_categories_are_the_official_eighty():
    from torchvision.models.detection import MaskRCNN_ResNet50_FPN_Weights

    names = MaskRCNN_ResNet50_FPN_Weights.DEFAULT.meta["categories"]
    assert {
        k: name for k, name in enumerate(names) if name not in ("__background__", "N/A")
    } == CATEGORIES


@pytest.mark.parametrize(("data", "own"), [("coco", tuple(CATEGORIES.values())), ("voc", VOC)])
def test_the_map_to_imagenet_names_the_classes_that_timm_names(data, own):
    info = ImageNetInfo()
    table = np.genfromtxt(
        MAPS / f"{data}_to_imagenet.csv", dtype=str, delimiter=",", skip_header=1, usecols=range(4)
    )
    for category, index, synset, name in table:
        assert category in own
        assert info.index_to_label_name(int(index)) == synset
        assert info.index_to_description(int(index)).split(",")[0] == name
    assert len({*table[:, 1]}) == len(table)  # no class is two categories
    found = numbered(data, own, "imagenet-1k")
    assert found["dog"].targets == tuple(range(151, 269))
    assert found["cat"].targets == (281, 282, 283, 284, 285)
    assert "person" not in found


def test_categories_without_a_class_are_those_that_the_page_names():
    page = (MAPS / "README.md").read_text()
    unmapped = {*CATEGORIES.values()} - {*numbered("coco", (), "imagenet-1k")}
    assert all(name in page for name in unmapped)
    assert {*VOC} - {*numbered("voc", (), "imagenet-1k")} == {"person"}


def test_mapped_trials_ask_for_all_classes_of_the_category(release):
    found = coco(release, classes="imagenet-1k")
    assert [(e.label, e.targets[:2], e.target) for e in found] == [
        ("cat", (281, 282), 281),
        ("dog", (151, 152), 151),
    ]
    with pytest.raises(DataError, match="no table from the classes of coco to those of 'places'"):
        coco(release, classes="places")


def test_nothing_is_opened_or_drawn_before_it_is_asked_for(tmp_path):
    annotations = [
        {"image_id": i, "category_id": 1, "segmentation": "no segmentation"} for i in range(300)
    ]
    path = releases.instances(tmp_path, [(i, f"{i}.jpg", 640, 480) for i in range(300)], annotations)
    found = coco(path)
    assert len(found) == 300
    for ask in (found[0].open, found[0].mask):
        with pytest.raises(DataError):
            ask()
