import numpy as np
import pytest
import releases
from scipy.io import savemat
from xaibench_datasets.imagenet import imagenet

from xaibench.api import DataError

TENCH, GOLDFISH, TOILET_TISSUE = "n01440764", "n01443537", "n15075141"
NAMES = [f"ILSVRC2012_val_{i:08}" for i in range(1, 5)]


def xml(synset, *boxes) -> str:
    return releases.voc_xml([(synset, 0, *box) for box in boxes], filename=NAMES[0])


def kit(root, lines):
    """The development kit: its own numbers of the classes, high-level synsets among them."""
    kinds = [("ILSVRC2012_ID", "f8"), ("WNID", "O"), ("words", "O"), ("num_children", "f8")]
    rows = [
        (1, TOILET_TISSUE, "toilet tissue", 0),
        (2, TENCH, "tench, Tinca tinca", 0),
        (3, GOLDFISH, "goldfish", 0),
        (1001, "n00001740", "entity", 2),
    ]
    data = root / "ILSVRC2012_devkit_t12" / "data"
    data.mkdir(parents=True)
    savemat(data / "meta.mat", {"synsets": np.array(rows, dtype=kinds).reshape(-1, 1)})
    releases.write(data / "ILSVRC2012_validation_ground_truth.txt", "".join(f"{n}\n" for n in lines))


def test_a_folder_a_class_and_a_missing_or_empty_one_shifts_no_other(tmp_path):
    for synset, name in [(TOILET_TISSUE, NAMES[0]), (TENCH, NAMES[2]), (TOILET_TISSUE, NAMES[1])]:
        releases.photograph(tmp_path / "val" / synset / f"{name}.JPEG", format="JPEG")
    (tmp_path / "val" / GOLDFISH).mkdir()
    found = imagenet(tmp_path)
    assert [(e.id, e.target, e.label) for e in found] == [
        (NAMES[0], 999, "toilet tissue"),
        (NAMES[1], 999, "toilet tissue"),
        (NAMES[2], 0, "tench"),
    ]
    assert found[0].boxes == ()
    assert found == imagenet(tmp_path / "val")


def test_a_folder_that_is_no_class_is_named(tmp_path):
    releases.photograph(tmp_path / "n00000001" / "x.JPEG", format="JPEG")
    with pytest.raises(DataError, match="n00000001 is none of ImageNet-1k's thousand synsets"):
        imagenet(tmp_path)


def test_the_flat_release_with_the_development_kit(tmp_path):
    for name in NAMES:
        releases.photograph(tmp_path / "ILSVRC2012_img_val" / f"{name}.JPEG", format="JPEG")
    kit(tmp_path, [2, 1, 3, 1001 + 1])
    releases.write(
        tmp_path / "bbox_val" / "val" / f"{NAMES[0]}.xml", xml(TENCH, (0, 3, 39, 29), (5, 5, 5, 6))
    )
    releases.write(tmp_path / "bbox_val" / "val" / f"{NAMES[1]}.xml", xml(TENCH, (0, 3, 39, "x")))
    found = imagenet(tmp_path)
    assert [e.target for e in found] == [0, 999, 1, -1]
    assert found[0].boxes() == ((0, 3, 40, 30), (5, 5, 6, 7))  # from 0, with the last pixel
    assert found[2].boxes == ()
    with pytest.raises(DataError, match=r"00000002.xml, object 1: expected a box of four numbers"):
        found[1].boxes()
    with pytest.raises(DataError, match=r"ground_truth.txt, line 4: expected the number of a class"):
        found[3].open()


def test_the_flat_release_with_kaggles_solution(tmp_path):
    """As Kaggle's archive unpacks: the table at the top, the images far below."""
    for name in NAMES[:3]:
        path = tmp_path / "ILSVRC" / "Data" / "CLS-LOC" / "val" / f"{name}.JPEG"
        releases.photograph(path, format="JPEG")
    table = (
        "ImageId,PredictionString\n"
        f"{NAMES[1]},{TENCH} 1 2 3 4 {TENCH} 10 11 12 13 \n"
        f"{NAMES[0]},{GOLDFISH} 0 0 39 29 \n"
    )
    releases.write(tmp_path / "LOC_val_solution.csv", table)
    first, second, unknown = imagenet(tmp_path)
    assert (first.target, first.boxes) == (1, ((0, 0, 40, 30),))
    assert (second.target, second.boxes) == (0, ((1, 2, 4, 5), (10, 11, 13, 14)))
    with pytest.raises(DataError, match=r"00000003.JPEG: neither LOC_val_solution.csv nor an XML file"):
        unknown.open()
    assert [e.id for e in imagenet(tmp_path / "ILSVRC")] == NAMES[:3]


@pytest.mark.parametrize("row", [f"{TENCH} 1 2 3", "", f"{TENCH} 1 2 3 inf"])
def test_a_solution_of_another_form_is_named_by_line(tmp_path, row):
    releases.photograph(tmp_path / f"{NAMES[0]}.JPEG", format="JPEG")
    releases.write(tmp_path / "LOC_val_solution.csv", f"ImageId,PredictionString\n{NAMES[0]},{row}\n")
    with pytest.raises(DataError, match=r"LOC_val_solution.csv, line 2: "):
        imagenet(tmp_path)


def test_the_flat_release_with_nothing_but_xml_files(tmp_path):
    for name in NAMES[:2]:
        releases.photograph(tmp_path / "val" / f"{name}.JPEG", format="JPEG")
    folder = tmp_path / "Annotations" / "CLS-LOC" / "val"
    releases.write(folder / f"{NAMES[0]}.xml", xml(GOLDFISH, (1, 1, 2, 2)))
    releases.write(folder / f"{NAMES[1]}.xml", "<annotation>")
    good, bad = imagenet(tmp_path)
    assert (good.target, good.boxes()) == (1, ((1, 1, 3, 3),))
    with pytest.raises(DataError, match=r"00000002.xml cannot be read"):
        bad.open()


def test_what_is_missing_is_said(tmp_path):
    with pytest.raises(DataError, match="has neither folders of synsets such as n01440764"):
        imagenet(tmp_path)
    releases.photograph(tmp_path / f"{NAMES[0]}.JPEG", format="JPEG")
    with pytest.raises(
        DataError, match=r"nothing says what the images in .* show; put .*LOC_val_solution"
    ):
        imagenet(tmp_path)
    truth = releases.write(tmp_path / "ILSVRC2012_validation_ground_truth.txt", "1\n")
    with pytest.raises(DataError, match=r"put its meta.mat beside it"):
        imagenet(tmp_path)
    truth.with_name("meta.mat").write_bytes(b"no matrix")
    with pytest.raises(DataError, match=r"meta.mat cannot be read"):
        imagenet(tmp_path)
