"""The data sets that come with xaibench: some built in, of others the folder is read; no downloads."""

from xaibench.api import Dataset, hookimpl


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
        Dataset(
            name="imagenet",
            at="xaibench_datasets.imagenet:imagenet",
            summary="ImageNet-1k's validation images, in a folder a class or as released; boxes of the "
            "XML files or of LOC_val_solution.csv",
            classes="imagenet-1k",
            folder="required",
        ),
        Dataset(
            name="coco",
            at="xaibench_datasets.coco:coco",
            summary="COCO's instances: a trial an image and category, exact masks; no crowds",
            classes="coco-80",
            folder="required",
        ),
        Dataset(
            name="coco-crowd",
            at="xaibench_datasets.coco:coco",
            summary="the same, crowds being part of the masks, as in TorchRay",
            settings={"crowds": True},
            classes="coco-80",
            folder="required",
        ),
        Dataset(
            name="coco-difficult",
            at="xaibench_datasets.coco:coco",
            summary="of coco-crowd, the pointing game's difficult subset by its definition",
            settings={"crowds": True, "difficult": True},
            classes="coco-80",
            folder="required",
        ),
        Dataset(
            name="coco-imagenet",
            at="xaibench_datasets.coco:coco",
            summary="coco, asking for the classes of ImageNet that are a category; the likeliest of "
            "several",
            settings={"classes": "imagenet-1k"},
            classes="imagenet-1k",
            folder="required",
        ),
        Dataset(
            name="voc",
            at="xaibench_datasets.voc:voc",
            summary="Pascal VOC: a trial an image and class, boxes; none where all are difficult",
            classes="voc-20",
            folder="required",
        ),
        Dataset(
            name="voc-difficult",
            at="xaibench_datasets.voc:voc",
            summary="of voc, the pointing game's difficult subset by its definition",
            settings={"difficult": True},
            classes="voc-20",
            folder="required",
        ),
        Dataset(
            name="voc-imagenet",
            at="xaibench_datasets.voc:voc",
            summary="voc, asking for the classes of ImageNet that are a class; the likeliest of several",
            settings={"classes": "imagenet-1k"},
            classes="imagenet-1k",
            folder="required",
        ),
        Dataset(
            name="ade20k",
            at="xaibench_datasets.ade20k:ade20k",
            summary="ADE20K's scene-parsing release: a trial an image and class, exact masks",
            classes="ade20k-150",
            folder="required",
        ),
        Dataset(
            name="ade20k-full",
            at="xaibench_datasets.ade20k:ade20k_full",
            summary="ADE20K's full release, with all its classes, exact masks",
            classes="ade20k-full",
            folder="required",
        ),
        Dataset(
            name="folder",
            at="xaibench_datasets.folder:folder",
            summary="a folder of images, with a CSV or COCO-style table of classes and boxes if there "
            "is one",
            folder="required",
        ),
    ]


def classified() -> list[Dataset]:
    """Releases with a class an image and no more."""
    return [
        Dataset(
            name="ade20k-scenes",
            at="xaibench_datasets.ade20k:ade20k_scenes",
            summary="ADE20K's scene-parsing release: the scene of each image",
            classes="ade20k-scenes",
            folder="required",
        ),
        Dataset(
            name="cifar10",
            at="xaibench_datasets.cifar:cifar10",
            summary="CIFAR-10's test images, binary or pickled",
            classes="cifar-10",
            folder="required",
        ),
        Dataset(
            name="cifar100",
            at="xaibench_datasets.cifar:cifar100",
            summary="CIFAR-100's test images, binary or pickled",
            classes="cifar-100",
            folder="required",
        ),
        Dataset(
            name="mnist",
            at="xaibench_datasets.mnist:mnist",
            summary="MNIST's test images",
            classes="mnist-10",
            folder="required",
        ),
        Dataset(
            name="fashion-mnist",
            at="xaibench_datasets.mnist:mnist",
            summary="Fashion-MNIST's test images",
            settings={"kin": "FashionMNIST"},
            classes="fashion-mnist-10",
            folder="required",
        ),
        Dataset(
            name="kmnist",
            at="xaibench_datasets.mnist:mnist",
            summary="KMNIST's test images",
            settings={"kin": "KMNIST"},
            classes="kmnist-10",
            folder="required",
        ),
        Dataset(
            name="emnist",
            at="xaibench_datasets.mnist:mnist",
            summary="EMNIST's test images, the balanced split",
            settings={"kin": "EMNIST", "prefix": "emnist-balanced-test", "sideways": True},
            classes="emnist-47",
            folder="required",
        ),
        Dataset(
            name="hf",
            at="xaibench_datasets.hugging_face:hugging_face",
            summary="a folder of the Hugging Face datasets library: save_to_disk's, or Parquet files",
            folder="required",
        ),
    ]
