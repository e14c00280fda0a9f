import json
import os
import sys

import pytest
import releases
from xaibench_datasets.folder import folder

from xaibench.api import DataError
from xaibench.api.batch import UNLABELLED


def photographs(root, *names):
    for name in names:
        releases.photograph(root / name)


def test_without_a_table_nothing_is_known_of_the_images(tmp_path):
    photographs(tmp_path, "b.jpg", "a.png", "кошка/犬 1.jpeg", ".hidden.jpg", ".thumbs/a.jpg")
    releases.write(tmp_path / "notes.txt", "no image")
    found = folder(tmp_path)
    assert [e.id for e in found] == ["a", "b", "кошка/犬 1"]
    assert {(e.target, e.boxes, e.label) for e in found} == {(UNLABELLED, (), "")}
    assert found[2].open().size == (40, 30)


def test_subfolders_are_classes_and_an_empty_one_shifts_no_other(tmp_path):
    photographs(tmp_path, "ant/1.jpg", "cat/1.jpg", "cat/deep/2.jpg")
    (tmp_path / "bee").mkdir()
    found = folder(tmp_path)
    assert [(e.id, e.target, e.label) for e in found] == [
        ("ant/1", 0, "ant"),
        ("cat/1", 2, "cat"),
        ("cat/deep/2", 2, "cat"),
    ]


def test_subfolders_are_numbered_as_classes_txt_says(tmp_path):
    photographs(tmp_path, "cat/1.jpg")
    releases.write(tmp_path / "classes.txt", "dog\n\ncat\n")
    assert [(e.target, e.label) for e in folder(tmp_path)] == [(2, "cat")]
    photographs(tmp_path, "cow/1.jpg")
    with pytest.raises(
        DataError, match=r"cow: 'cow' is neither the number of a class nor a line of classes.txt"
    ):
        folder(tmp_path)


def test_a_csv_file_has_a_row_a_box(tmp_path):
    photographs(tmp_path, "a.jpg", "b/ö, ü.jpg", "unlisted.jpg")
    table = (
        "\ufefffile,class,label,x0,y0,x1,y1\r\n"
        'a.jpg,5,cat,1,2,3.5,4\r\n"b/ö, ü.jpg",0,,,,,\r\na.jpg,5,cat,10,11,12,13\r\n'
        "a.jpg,7,dog,0,0,9,9\r\n"
        "missing.jpg,1,,,,,\r\n"
    )
    releases.write(tmp_path / "boxes.csv", table)
    found = {(e.id, e.target): e for e in folder(tmp_path)}
    assert found["a", 5].boxes == ((1, 2, 3.5, 4), (10, 11, 12, 13))
    assert (found["a", 7].boxes, found["a", 7].label) == (((0, 0, 9, 9),), "dog")
    assert found["b/ö, ü", 0].boxes == ()
    assert found["unlisted", UNLABELLED].boxes == ()
    with pytest.raises(DataError, match=r"image 'missing' cannot be read from .*missing.jpg"):
        found["missing", 1].open()
    assert len(found) == 5


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a.jpg,cat,1,2,3,4", "line 2: 'cat' is neither the number of a class"),
        ("a.jpg,-1,1,2,3,4", "line 2: '-1' is neither"),
        ("a.jpg,1,1,2,3,", "line 2: expected a box of four numbers"),
        ("a.jpg,1,1,2,3,nan", "line 2: a box has four finite numbers"),
        ("../a.jpg,1,1,2,3,4", "line 2: '../a.jpg' is no path inside of"),
        ('"a.jpg,1', "cannot be read: unexpected end of data"),
        ("a.jpg,1,1,2,3,4\n" + "x" * 200000 + ",1", "cannot be read: field larger than"),
    ],
)
def test_a_row_that_cannot_be_read_is_named(tmp_path, row, message):
    photographs(tmp_path, "a.jpg")
    releases.write(tmp_path / "boxes.csv", f"file,class,x0,y0,x1,y1\n{row}\n")
    with pytest.raises(DataError, match=f"boxes.csv.*{message}"):
        folder(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"file,kind\n", "has no column 'class'"), (b"file,class\n\xff\xfe", "cannot be read")],
)
def test_a_table_of_another_form_is_named(tmp_path, content, message):
    photographs(tmp_path, "a.jpg")
    (tmp_path / "boxes.csv").write_bytes(content)
    with pytest.raises(DataError, match=f"boxes.csv.*{message}"):
        folder(tmp_path)


def coco_style(root, names=("cat", "dog")):
    categories = [{"id": k, "name": name} for k, name in enumerate(names, start=3)]
    annotations = [
        {"image_id": 1, "category_id": 3, "bbox": [1, 2, 3, 4]},
        {"image_id": 1, "category_id": 3, "bbox": [5, 5, 1, 0]},
        {"image_id": 1, "category_id": 4, "bbox": [1, 2, 3, 4], "iscrowd": 1},
    ]
    images = [{"id": 1, "file_name": "in/a.jpg", "width": 40, "height": 30}]
    said = {"images": images, "annotations": annotations, "categories": categories}
    releases.write(root / "_annotations.coco.json", json.dumps(said))


def test_a_coco_style_file_numbers_classes_by_their_ids_or_by_classes_txt(tmp_path):
    photographs(tmp_path, "in/a.jpg", "b.jpg")
    coco_style(tmp_path)
    b, a = folder(tmp_path)
    assert (a.target, a.label, a.boxes, a.size) == (3, "cat", ((1, 2, 4, 6), (5, 5, 6, 5)), (40, 30))
    assert b.target == UNLABELLED
    releases.write(tmp_path / "classes.txt", "dog\ncat\n")
    assert folder(tmp_path)[1].target == 1


def test_two_tables_or_no_images_are_named(tmp_path):
    with pytest.raises(DataError, match="has no images"):
        folder(tmp_path)
    coco_style(tmp_path)
    releases.write(tmp_path / "boxes.csv", "file,class\n")
    with pytest.raises(DataError, match=r"has several tables: _annotations.coco.json, boxes.csv"):
        folder(tmp_path)


def test_images_of_one_name_keep_their_suffixes(tmp_path):
    photographs(tmp_path, "a.jpg", "a.png")
    assert [e.id for e in folder(tmp_path)] == ["a.jpg", "a.png"]


def test_a_link_out_of_the_folder_is_not_followed(tmp_path):
    photographs(tmp_path, "outside/x.jpg", "root/a.jpg")
    (tmp_path / "root" / "link.jpg").symlink_to(tmp_path / "outside" / "x.jpg")
    (tmp_path / "root" / "linked").symlink_to(tmp_path / "outside")
    assert [e.id for e in folder(tmp_path / "root")] == ["a"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has file names that are no UTF-8")
def test_a_name_that_is_no_text_is_said(tmp_path):
    photographs(tmp_path, "a.jpg")
    os.rename(tmp_path / "a.jpg", os.fsencode(tmp_path) + b"/\xff.jpg")
    (bad,) = folder(tmp_path)
    assert bad.id.isascii()
    with pytest.raises(DataError, match="is no UTF-8; rename the file"):
        bad.open()
