"""CLIP as a zero-shot classifier. Radford et al. 2021, arXiv:2103.00020."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import Float
from timm.data import ImageNetInfo
from torch import Tensor, nn
from transformers import AutoImageProcessor, AutoTokenizer, CLIPModel

from xaibench.api.classifier import Classifier
from xaibench.api.resolve import classifier_of
from xaibench.api.types import Images, Logits
from xaibench_transformers.classifiers import loaded, preprocess_of

Embeddings = Float[Tensor, "C D"]


class ZeroShot(nn.Module):
    """CLIP's image tower, and the embeddings of the classes' prompts as its linear layer.

    Args:
        clip: whose image tower, projection and temperature are taken.
        prompts: of each class, of length 1.
    """

    prompts: Embeddings
    scale: Tensor

    def __init__(self, clip: CLIPModel, prompts: Embeddings) -> None:
        super().__init__()
        self.vision_model = clip.vision_model
        self.visual_projection = clip.visual_projection
        self.register_buffer("prompts", prompts)
        self.register_buffer("scale", clip.logit_scale.detach().exp())

    def forward(self, images: Images) -> Logits:
        """(B, 3, H, W), preprocessed, to scaled cosines, (B, C)."""
        pooled = self.vision_model(pixel_values=images).pooler_output
        embedded = F.normalize(self.visual_projection(pooled), dim=1)
        logits: Logits = self.scale * embedded @ self.prompts.T
        return logits


def clip_model(
    name: str,
    target_layer: str | None = None,
    class_names: Sequence[str] | None = None,
    prompt: str = "a photo of a {}.",
) -> Classifier:
    """The CLIP that the hub calls `name`, as a classifier of `class_names`.

    Args:
        name: on the hub, or a folder with the model, its processor and its tokenizer.
        target_layer: path of a module, where the one found is not the one wanted.
        class_names: what to tell apart; the ImageNet classes where not given.
        prompt: one {} for the class's name.

    Raises:
        PluginError: it cannot be loaded.
    """
    clip = loaded(CLIPModel.from_pretrained, name).eval()
    preprocess = preprocess_of(loaded(AutoImageProcessor.from_pretrained, name))
    tokenizer = loaded(AutoTokenizer.from_pretrained, name)
    names = tuple(class_names) if class_names is not None else imagenet_names()
    network = ZeroShot(clip, embeddings(clip, tokenizer, [prompt.format(name) for name in names]))
    return classifier_of(network.eval(), preprocess.size, preprocess, target_layer, names)


def embeddings(clip: CLIPModel, tokenizer: Any, prompts: Sequence[str], batch: int = 64) -> Embeddings:
    """(C, D), each of length 1."""
    embedded = []
    for first in range(0, len(prompts), batch):
        tokens = tokenizer(list(prompts[first : first + batch]), padding=True, return_tensors="pt")
        with torch.no_grad():
            pooled = clip.text_model(
                input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"]
            ).pooler_output
            embedded.append(F.normalize(clip.text_projection(pooled), dim=1))
    return torch.cat(embedded)


def imagenet_names() -> tuple[str, ...]:
    """Names of the 1,000 ImageNet classes."""
    info = ImageNetInfo()
    return tuple(info.index_to_description(i).split(",")[0] for i in range(1000))
