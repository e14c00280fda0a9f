"""Each reader through a whole run, on small releases, with a tiny network of its classes."""

from dataclasses import replace

import numpy as np
import pytest
import releases
import torch
import toys
from PIL import Image

from xaibench.api import DataError, Model
from xaibench.api.batch import UNLABELLED, Example, Region
from xaibench.engine.discovery.registry import installed
from xaibench.engine.images.pictures import Picture, refuse_shared_targets
from xaibench.engine.images.trials import settled, trials_of
from xaibench.engine.run.run import run
from xaibench.engine.run.settings import settle

MODELS = {"coco-80": 80, "voc-20": 20, "imagenet-1k": 1000, "cifar-10": 10, "mnist-10": 10, "mine": 5}


def read(tmp_path, data, model):
    """The pointing-game rows of the explainer whose peak is the first pixel, and all rows."""
    found = toys.registry("corner")
    models = {
        name: Model(
            name=name, at="toys:model", classes="" if name == "mine" else name, settings={"classes": n}
        )
        for name, n in MODELS.items()
    }
    found = replace(found, models=models, datasets=installed().datasets)
    metrics = ("deletion-28", "pointing-game")
    config = settle(None, (model,), (data,), metrics=metrics, width=8, gallery=2, explainers=("corner",))
    rows = run(config, tmp_path / "run", registry=found).scores
    rows = rows[rows["explainer"] == "corner"]
    return rows[rows["metric"] == "pointing-game"].set_index(["image", "target"]), rows


def test_pascal_voc_by_hand(tmp_path):
    """The peak is pixel (0, 0): what begins at x = 14 is hit, what begins at 15 is not."""
    home = tmp_path / "VOC2007"
    dog, person, cat, sofa = 11, 14, 7, 17
    near, far = ("dog", 0, 15, 1, 40, 30), ("person", 0, 16, 1, 40, 30)
    files = {
        "1": [near, far, ("cat", 1, 1, 1, 9, 9)],
        "2": [("dog", 0, 30, 20, 40, 30), ("dog", 1, 1, 1, 2, 2)],
        "3": [("cat", 0, 41, 1, 60, 9), ("sofa", 0, 9, 9, 5, 5)],
        "4": [near],
        "5": [],
    }
    for name, objects in files.items():
        releases.write(home / "Annotations" / f"{name}.xml", releases.voc_xml(objects))
        releases.photograph(home / "JPEGImages" / f"{name}.jpg")
    half = home / "JPEGImages" / "4.jpg"
    half.write_bytes(half.read_bytes()[:700])
    pointing, rows = read(tmp_path, f"voc:{home}", "voc-20")
    scores = pointing["score"]
    assert scores["1", dog] == 1
    assert scores["1", person] == 0
    assert scores["2", dog] == 1  # its difficult box counts, since one is not
    assert set(pointing.loc["3", "status"]) == {"undefined"}  # out of the image, and without an area
    assert [*pointing.loc["3"].index] == [cat, sofa]
    assert pointing.loc[("4", dog), "status"] == "failed"
    assert "4.jpg" in pointing.loc[("4", dog), "reason"]
    assert len(pointing) == 6
    assert set(rows.loc[rows["metric"] == "deletion-28", "status"]) == {"ok", "failed"}


def test_coco_by_hand_and_turned(tmp_path):
    """A mask of the right side of the stored picture is at the left of the one turned by a half."""
    images = [(1, "1.jpg", 40, 30), (2, "turned.jpg", 40, 30), (3, "other size.jpg", 40, 30)]
    right = [[25.0, 0, 40, 0, 40, 30, 25, 30]]
    annotations = [{"image_id": i, "category_id": 17, "segmentation": right} for i in (1, 2, 3)]
    annotations.append({"image_id": 1, "category_id": 18, "segmentation": [[0.0, 0, 5, 0, 5, 5]]})
    annotations.append({"image_id": 1, "category_id": 1, "segmentation": [[3.0, 3, 3, 3, 3, 3]]})
    releases.instances(tmp_path / "coco", images, annotations)
    folder = tmp_path / "coco" / "val2017"
    releases.photograph(folder / "1.jpg")
    releases.photograph(folder / "turned.jpg", exif=releases.orientation(3))
    releases.photograph(folder / "other size.jpg", 41, 30)
    pointing, _ = read(tmp_path, f"coco:{tmp_path / 'coco'}", "coco-80")
    cat, dog, person = 15, 16, 0
    assert [pointing["score"][key] for key in [("1", cat), ("1", dog), ("turned", cat)]] == [0, 1, 1]
    assert pointing.loc[("1", person), "status"] == "undefined"  # a polygon without an area
    assert "is for 40 x 30 pixels" in pointing.loc[("other size", cat), "reason"]


def test_coco_without_a_mapping_is_unsupported_with_imagenet_and_right_with_one(tmp_path):
    annotations = [{"image_id": 1, "category_id": c, "bbox": [0, 0, 9, 9]} for c in (1, 17, 18)]
    releases.instances(tmp_path / "coco", [(1, "1.jpg", 40, 30)], annotations)
    releases.photograph(tmp_path / "coco" / "val2017" / "1.jpg")
    _, rows = read(tmp_path / "a", f"coco:{tmp_path / 'coco'}", "imagenet-1k")
    assert set(rows["status"]) == {"unsupported"}
    assert (
        rows["reason"]
        .str.contains("knows the classes of 'imagenet-1k'.* asks for those of 'coco-80'")
        .all()
    )
    pointing, rows = read(tmp_path / "b", f"coco-imagenet:{tmp_path / 'coco'}", "imagenet-1k")
    assert set(rows["status"]) == {"ok"}
    assert (pointing["score"] == 1).all()
    dog, cat = sorted(target for _, target in pointing.index)
    network = toys.model(1000)
    picture = Example("1", tmp_path / "coco" / "val2017" / "1.jpg", 0).open()
    logits = network.logits(network.preprocess.image(picture)[None])[0]
    assert dog == 151 + int(logits[151:269].argmax())
    assert cat == 281 + int(logits[281:286].argmax())


def test_imagenet(tmp_path):
    root = tmp_path / "imagenet"
    for synset, name in [
        ("n15075141", "ILSVRC2012_val_00000001"),
        ("n01440764", "ILSVRC2012_val_00000002"),
    ]:
        releases.photograph(root / synset / f"{name}.JPEG", format="JPEG")
        box = releases.voc_xml([(synset, 0, 14, 0, 20, 20)])
        releases.write(
            root / "bbox_val" / f"{name}.xml", box if synset == "n01440764" else "<annotation>"
        )
    pointing, _ = read(tmp_path, f"imagenet:{root}", "imagenet-1k")
    assert pointing["score"]["ILSVRC2012_val_00000002", 0] == 1
    assert "00000001.xml cannot be read" in pointing.loc[("ILSVRC2012_val_00000001", 999), "reason"]


def test_cifar_and_mnist_have_no_regions(tmp_path):
    records = np.random.default_rng(0).integers(0, 10, (3, 3073), dtype=np.uint8)
    (tmp_path / "test_batch.bin").write_bytes(records.tobytes())
    pointing, rows = read(tmp_path, f"cifar10:{tmp_path}", "cifar-10")
    assert set(pointing["status"]) == {"undefined"}
    assert [target for _, target in pointing.index] == records[:, 0].tolist()
    assert set(rows.loc[rows["metric"] == "deletion-28", "status"]) == {"ok"}


def test_a_folder_of_all_that_real_ones_hold(tmp_path):
    root = tmp_path / "folder"
    releases.photograph(root / "grey.png")
    Image.fromarray(releases.pixels(40, 30)[..., 0]).save(root / "grey.png")
    Image.fromarray(releases.pixels(40, 30)[..., 0].astype(np.uint16) * 200).save(root / "deep.png")
    Image.fromarray(releases.pixels(40, 30)).convert("CMYK").save(root / "印刷.jpg")
    releases.photograph(root / "turned.jpg", exif=releases.orientation(6))
    releases.photograph(root / "unlabelled.jpg")
    table = ["grey.png,4,0,0,9,9", "deep.png,3,15,15,40,30", "印刷.jpg,2,,,,", "turned.jpg,1,9,29,30,40"]
    releases.write(root / "boxes.csv", "\n".join(["file,class,x0,y0,x1,y1", *table, "lost.jpg,0,,,,"]))
    pointing, rows = read(tmp_path, f"folder:{root}", "mine")
    said = pointing["status"].droplevel("target").to_dict()
    assert said.pop("unlabelled") == "undefined"
    assert said == {"grey": "ok", "deep": "ok", "印刷": "undefined", "turned": "ok", "lost": "failed"}
    assert [pointing["score"][key] for key in [("grey", 4), ("deep", 3), ("turned", 1)]] == [1, 0, 0]
    deletion = rows[rows["metric"] == "deletion-28"].set_index("image")
    assert deletion["status"].drop("lost").eq("ok").all()
    assert deletion["target"]["unlabelled"] == deletion["predicted"]["unlabelled"]


def test_a_class_that_the_model_has_not_is_unsupported(tmp_path):
    releases.photograph(tmp_path / "folder" / "a.png")
    releases.write(tmp_path / "folder" / "boxes.csv", "file,class\na.png,5\n")
    _, rows = read(tmp_path, f"folder:{tmp_path / 'folder'}", "mine")
    assert set(rows["status"]) == {"unsupported"}
    assert (
        rows["reason"]
        .str.contains("asks of image 'a' for class 5; model 'mine' has classes 0 to 4")
        .all()
    )


def test_other_boxes_are_other_rows(tmp_path):
    """A run that is gone on with does not keep the rows of boxes that were mended since."""
    root = tmp_path / "folder"
    releases.photograph(root / "a.png")
    for box, expected in (("0,0,9,9", 1), ("30,20,40,30", 0)):
        releases.write(root / "boxes.csv", f"file,class,x0,y0,x1,y1\na.png,1,{box}\n")
        pointing, _ = read(tmp_path, f"folder:{root}", "mine")
        assert pointing["score"].tolist() == [expected]


def pictures(*examples) -> Picture:
    regions = tuple(Region((9, 9), (0, 0, 9, 9), boxes=((k, 0, 9, 9),)) for k in range(len(examples)))
    return Picture("a", "", torch.zeros(3, 9, 9), (9, 9), examples, regions)


def test_of_several_targets_the_likeliest_is_asked_about():
    one = Example("a", toys.picture, 3, targets=(3, 4, 6))
    other = Example("a", toys.picture, 1, targets=(1, 2))
    logits = torch.tensor([9.0, 1, 2, 3, 5, 8, 4])
    picture = settled(pictures(one, other, Example("a", toys.picture, 0)), logits)
    assert [example.target for example in picture.examples] == [4, 2, 0]
    trials = trials_of([picture], [0], frozenset({"label"}))
    assert {(trial.target, trial.region.boxes[0][0]) for trial in trials} == {(4, 0), (2, 1), (0, 2)}


def test_two_examples_of_an_image_share_no_target():
    one, other = (Example("a", toys.picture, 1, label, targets=(1, 2)) for label in ("x", "y"))
    with pytest.raises(DataError, match="image 'a' asks for class 1 both as 'x' and as 'y'"):
        refuse_shared_targets([one, other])


def test_an_unlabelled_image_is_asked_about_its_predicted_class_wherever_that_is():
    picture = pictures(Example("a", toys.picture, UNLABELLED))
    (trial,) = trials_of([picture], [5], frozenset({"label", "predicted"}))
    assert (trial.target, trial.policies) == (5, {"label", "predicted"})
    assert not trial.region.known
