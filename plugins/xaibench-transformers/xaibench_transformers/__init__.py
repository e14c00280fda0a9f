"""Classifiers of the transformers library for xaibench."""

from xaibench.api import Model, hookimpl


@hookimpl
def xaibench_models() -> list[Model]:
    """Image classifiers by their name, and CLIPs as zero-shot classifiers."""
    return [
        Model(
            name="transformers",
            at="xaibench_transformers.classifiers:transformers_model",
            summary="transformers:NAME, any image classifier of the transformers library",
            family=True,
        ),
        Model(
            name="clip",
            at="xaibench_transformers.clip:clip_model",
            summary="clip:NAME, a CLIP as a zero-shot classifier of the ImageNet classes",
            classes="imagenet-1k",
            family=True,
        ),
    ]
