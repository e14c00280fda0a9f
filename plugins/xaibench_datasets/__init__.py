"""The data sets that come with xaibench: some built in, of others the folder is read; no downloads."""

from xaibench.api import Dataset, hookimpl
from xaibench.api.specs import Settings


@hookimpl
def xaibench_datasets() -> list[Dataset]:
    """What is built in, and readers of the releases that everybody has."""
    return [*built_in(), *localised(), *classified()]


def built_in() -> list[Dataset]:
    """Photographs with boxes, cut-out objects with exact masks, and generated scenes."""
    return [
        Dataset(
            name="photos",
            at="xaibench_datasets.photos:photos",
            summary="six real photographs with boxes, one of them with an exact mask",
            classes="imagenet-1k",
        ),
        Dataset(
            name="digits",
            at="xaibench_datasets.digits:digits",
            summary="1,797 handwritten digits of 8 x 8 pixels, out of scikit-learn: to train on",
            classes="digits",
        ),
        Dataset(
            name="cutouts",
            at="xaibench_datasets.cutouts:cutouts",
            summary="cut-out objects, most of them drawn, with exact masks on real textures, single and "
            "as 2 x 2 mosaics; cutouts:FOLDER reads a folder of others, such as Tux Paint's photographs",
            classes="imagenet-1k",
            folder="optional",
        ),
        Dataset(
            name="scenes",
            at="xaibench_datasets.scenes:scenes",
            summary="generated shapes on textures with distractors, exact masks, seeded",
            classes="scenes-10",
        ),
        Dataset(
            name="scenes-large",
            at="xaibench_datasets.scenes:scenes",
            summary="the same with larger objects and one or two distractors: what small networks learn "
            "from labels alone in minutes",
            settings={"fewest": 1, "most": 2, "smallest": 0.2, "largest": 0.35},
            classes="scenes-10",
        ),
    ]


def localised() -> list[Dataset]:
    """Releases with boxes or masks."""
    return [
        reader(
            "imagenet",
            "ImageNet-1k's validation images, in a folder a class or as released; boxes of the XML "
            "files or of LOC_val_solution.csv",
            "imagenet-1k",
        ),
        reader(
            "coco", "COCO's instances: a trial an image and category, exact masks; no crowds", "coco-80"
        ),
        reader(
            "coco-crowd",
            "the same, crowds being part of the masks, as in TorchRay",
            "coco-80",
            at="coco:coco",
            settings={"crowds": True},
        ),
        reader(
            "coco-difficult",
            "of coco-crowd, the pointing game's difficult subset by its definition",
            "coco-80",
            at="coco:coco",
            settings={"crowds": True, "difficult": True},
        ),
        reader(
            "coco-imagenet",
            "coco, asking for the classes of ImageNet that are a category; the likeliest of several",
            "imagenet-1k",
            at="coco:coco",
            settings={"classes": "imagenet-1k"},
        ),
        reader(
            "voc",
            "Pascal VOC: a trial an image and class, boxes; none where all are difficult",
            "voc-20",
        ),
        reader(
            "voc-difficult",
            "of voc, the pointing game's difficult subset by its definition",
            "voc-20",
            at="voc:voc",
            settings={"difficult": True},
        ),
        reader(
            "voc-imagenet",
            "voc, asking for the classes of ImageNet that are a class; the likeliest of several",
            "imagenet-1k",
            at="voc:voc",
            settings={"classes": "imagenet-1k"},
        ),
        reader(
            "ade20k",
            "ADE20K's scene-parsing release: a trial an image and class, exact masks",
            "ade20k-150",
        ),
        reader(
            "ade20k-full",
            "ADE20K's full release, with all its classes, exact masks",
            "ade20k-full",
            at="ade20k:ade20k_full",
        ),
        reader(
            "folder",
            "a folder of images, with a CSV or COCO-style table of classes and boxes if there is one",
            "",
        ),
    ]


def classified() -> list[Dataset]:
    """Releases with a class an image and no more."""
    return [
        reader(
            "ade20k-scenes",
            "ADE20K's scene-parsing release: the scene of each image",
            "ade20k-scenes",
            at="ade20k:ade20k_scenes",
        ),
        reader("cifar10", "CIFAR-10's test images, binary or pickled", "cifar-10", at="cifar:cifar10"),
        reader(
            "cifar100", "CIFAR-100's test images, binary or pickled", "cifar-100", at="cifar:cifar100"
        ),
        reader("mnist", "MNIST's test images", "mnist-10"),
        reader(
            "fashion-mnist",
            "Fashion-MNIST's test images",
            "fashion-mnist-10",
            at="mnist:mnist",
            settings={"kin": "FashionMNIST"},
        ),
        reader(
            "kmnist", "KMNIST's test images", "kmnist-10", at="mnist:mnist", settings={"kin": "KMNIST"}
        ),
        reader(
            "emnist",
            "EMNIST's test images, the balanced split",
            "emnist-47",
            at="mnist:mnist",
            settings={"kin": "EMNIST", "prefix": "emnist-balanced-test", "sideways": True},
        ),
        reader(
            "hf",
            "a folder of the Hugging Face datasets library: save_to_disk's, or Parquet files",
            "",
            at="hugging_face:hugging_face",
        ),
    ]


def reader(
    name: str, summary: str, classes: str, at: str = "", settings: Settings | None = None
) -> Dataset:
    """A data set that is read from the user's folder.

    Args:
        name: also of module and function, where `at` does not say otherwise.
        summary: what is read.
        classes: its label space; empty: the user's own.
        at: "module:function" in this package.
        settings: of the function.
    """
    return Dataset(
        name=name,
        at=f"xaibench_datasets.{at or f'{name}:{name}'}",
        summary=summary,
        classes=classes,
        settings=settings or {},
        folder="required",
    )
