import pytest
import releases
from xaibench_datasets.files import read_xml
from xaibench_datasets.voc import CLASSES, voc

from xaibench.api import DataError

DOG, CAT, PERSON = (CLASSES.index(name) for name in ("dog", "cat", "person"))
HEAD = (
    "<part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin>"
    "<xmax>2</xmax><ymax>2</ymax></bndbox></part>"
)
LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'
    "<annotation><object><name>&b;</name></object></annotation>"
)


def home(root, files, names=None, split="test"):
    """VOCdevkit/VOC2007 with annotations by name, and a list of them."""
    where = root / "VOCdevkit" / "VOC2007"
    (where / "Annotations").mkdir(parents=True)
    for name, text in files.items():
        releases.write(where / "Annotations" / f"{name}.xml", text)
        releases.photograph(where / "JPEGImages" / f"{name}.jpg")
    listed = "".join(f"{name}\n" for name in (names or files))
    releases.write(where / "ImageSets" / "Main" / f"{split}.txt", listed)
    return where


def test_a_trial_an_image_and_class_with_all_its_boxes(tmp_path):
    objects = [
        ("dog", 0, 11, 6, 20, 15),
        ("person", 1, 1, 1, 40, 30),
        ("dog", 1, 1, 1, 1, 1),
        ("cat", 0, 2.6, 3, 4, 5, HEAD),
        ("person", 1, 5, 5, 6, 6),
    ]
    home(tmp_path, {"000001": releases.voc_xml(objects)})
    cat, dog = voc(tmp_path)
    assert (cat.target, dog.target) == (CAT, DOG)
    assert dog.boxes == (
        (10, 5, 20, 15),
        (0, 0, 1, 1),
    )  # from 1, with the last pixel; difficult ones too
    assert cat.boxes == ((1.6, 2, 4, 5),)  # its head is no other object
    assert cat.open().size == (40, 30)


def test_the_list_is_test_where_that_is_annotated_else_val(tmp_path):
    one, two = (releases.voc_xml([("dog", 0, 1, 1, 5, 5)]) for _ in range(2))
    where = home(tmp_path, {"1": one, "2": two}, ["1"], "val")
    assert [e.id for e in voc(tmp_path)] == ["1"]
    releases.write(where / "ImageSets" / "Main" / "test.txt", "9\n10\n")
    assert [e.id for e in voc(where)] == ["1"]  # VOC2012 lists its test images, and annotates none
    releases.write(where / "ImageSets" / "Main" / "test.txt", "2\n10\n")
    assert [e.id for e in voc(where.parent)] == ["2", "10"]
    assert [e.id for e in voc(where, split="val")] == ["1"]
    with pytest.raises(DataError, match=r"train.txt cannot be read"):
        voc(where, split="train")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "No such file"),
        ("<annotation>", "cannot be read: no element found"),
        (LAUGHS, "has a document type"),
        (
            releases.voc_xml([("dent", 0, 1, 1, 2, 2)]),
            "object 1: 'dent' is none of Pascal VOC's classes",
        ),
        (releases.voc_xml([("dog", 0, 1, 1, 2, "x")]), "object 1: expected a box of four numbers"),
        (releases.voc_xml([("dog", 0, 1, 1, 2, "nan")]), "object 1: a box has four finite numbers"),
        (releases.voc_xml([("dog", 0, 1, 1, 2, "")]), "object 1 has no <bndbox/ymax>"),
        (releases.voc_xml([], width="wide"), "expected a size in pixels"),
        ("<a>" + " " * (1 << 20) + "</a>", "bytes; an annotation has at most"),
    ],
)
def test_a_bad_annotation_is_a_row_that_names_it(tmp_path, text, message):
    good = releases.voc_xml([("dog", 0, 1, 1, 5, 5)])
    files = {"1": good} if text is None else {"1": good, "2": text}
    home(tmp_path, files, ["1", "2"])
    fine, bad = voc(tmp_path)
    assert fine.target == DOG
    with pytest.raises(DataError, match=f"2.xml.*{message}"):
        bad.open()


def test_an_entity_in_another_encoding_is_no_way_round(tmp_path):
    path = tmp_path / "x.xml"
    path.write_bytes(LAUGHS.replace("?>", ' encoding="utf-16"?>', 1).encode("utf-16"))
    with pytest.raises(DataError, match=r"x.xml cannot be read"):
        read_xml(path)


@pytest.mark.parametrize("name", ["../../../secret", "/etc/passwd"])
def test_a_list_cannot_name_what_is_outside(tmp_path, name):
    home(tmp_path, {"1": releases.voc_xml([])}, ["1", name])
    (bad,) = voc(tmp_path)
    with pytest.raises(DataError, match="is no path inside of"):
        bad.open()


def test_an_image_without_objects_is_not_asked_about(tmp_path):
    home(tmp_path, {"1": releases.voc_xml([])})
    assert voc(tmp_path) == []


def test_the_difficult_subset_is_small_and_not_alone(tmp_path):
    small, large, halves = ("dog", 0, 1, 1, 20, 14), ("cat", 0, 1, 1, 20, 15), ("dog", 0, 1, 1, 10, 15)
    files = {
        "1": releases.voc_xml([small, large]),  # 20 x 14 of 40 x 30: less than a quarter; 20 x 15 is not
        "2": releases.voc_xml([small]),
        "3": releases.voc_xml([halves, halves, large]),
    }
    home(tmp_path, files)
    assert [(e.id, e.label) for e in voc(tmp_path, difficult=True)] == [("1", "dog")]


def test_mapped_trials_ask_for_classes_of_imagenet(tmp_path):
    home(tmp_path, {"1": releases.voc_xml([("dog", 0, 1, 1, 5, 5), ("person", 0, 1, 1, 5, 5)])})
    (dog,) = voc(tmp_path, classes="imagenet-1k")
    assert dog.targets == tuple(range(151, 269))


def test_which_folder_is_meant_must_be_clear(tmp_path):
    with pytest.raises(DataError, match="has no folder with JPEGImages and Annotations"):
        voc(tmp_path)
    for year in (2007, 2012):
        (tmp_path / f"VOC{year}" / "Annotations").mkdir(parents=True)
    with pytest.raises(DataError, match="has VOC2007, VOC2012; name one"):
        voc(tmp_path)
