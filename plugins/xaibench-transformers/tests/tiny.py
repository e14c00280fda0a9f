"""Tiny members of each family with random weights, saved and loaded as real ones are."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
import transformers
from xaibench_transformers.classifiers import transformers_model
from xaibench_transformers.clip import clip_model

from xaibench.api.classifier import Classifier

SIDE, CLASSES = 64, 5
SPREAD = 0.2  # standard deviation of the weights
SMALL = {
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "image_size": SIDE,
    "patch_size": 16,
    "num_labels": CLASSES,
}
STAGES = {"depths": [1, 1, 1], "num_labels": CLASSES}
CVT = {
    "embed_dim": [8, 12, 16],
    "num_heads": [1, 1, 2],
    "depth": [1, 2, 3],
    "drop_path_rate": [0.0, 0.0, 0.0],
    "num_labels": CLASSES,
}
SWIN = {**STAGES, "embed_dim": 8, "num_heads": [1, 2, 2], "image_size": SIDE, "window_size": 4}
CONVNEXT = {**STAGES, "num_stages": 3, "hidden_sizes": [8, 12, 16]}
KINDS = {  # the library's class, and its configuration
    "ViT": ("ViTForImageClassification", SMALL),
    "DeiT": ("DeiTForImageClassification", SMALL),
    "DeiT with teacher": ("DeiTForImageClassificationWithTeacher", SMALL),
    "Swin": ("SwinForImageClassification", SWIN),
    "ConvNeXt": ("ConvNextForImageClassification", CONVNEXT),
    "BEiT": ("BeitForImageClassification", SMALL),
    "DINOv2": ("Dinov2ForImageClassification", SMALL),
    "DINOv2 with registers": (
        "Dinov2WithRegistersForImageClassification",
        {**SMALL, "num_register_tokens": 3},
    ),
    "CvT": ("CvtForImageClassification", CVT),
}
CLIP, NAMES = "CLIP", ("cat", "dog", "palace")
TOWER = {"hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}


def member(name: str) -> Classifier:
    """One of KINDS, or a CLIP as a zero-shot classifier of NAMES."""
    with TemporaryDirectory() as folder:
        if name == CLIP:
            save_clip(Path(folder))
            return clip_model(folder, class_names=NAMES)
        save(name, Path(folder))
        return transformers_model(folder)


def save(name: str, folder: Path) -> transformers.PreTrainedModel:
    """One of KINDS and its processor, to `folder`; gives back what was saved."""
    kind, config = KINDS[name]
    network = getattr(transformers, kind)
    network = spread(network(network.config_class(**config)).eval())
    network.save_pretrained(folder)
    size = {"height": SIDE, "width": SIDE}
    transformers.ViTImageProcessor(size=size, resample=3).save_pretrained(folder)
    return network


def save_clip(folder: Path) -> None:
    """A CLIP, its processor and a tokenizer of single letters, to `folder`."""
    letters = "abcdefghijklmnopqrstuvwxyz."
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    config = transformers.CLIPConfig(
        text_config={**TOWER, "vocab_size": len(words), "eos_token_id": len(words) - 1},
        vision_config={**TOWER, "image_size": SIDE, "patch_size": 16},
        projection_dim=12,
    )
    spread(transformers.CLIPModel(config)).save_pretrained(folder)
    size = {"height": SIDE, "width": SIDE}
    processor = transformers.CLIPImageProcessor(crop_size=size, size={"shortest_edge": SIDE})
    processor.save_pretrained(folder)
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "CLIPTokenizer"}))


def spread(network: transformers.PreTrainedModel) -> transformers.PreTrainedModel:
    """Weights that tell images apart: as drawn, some are zero and some too small. In place."""
    for weight in network.parameters():
        if weight.ndim > 1:
            torch.nn.init.normal_(weight, std=SPREAD)
    return network
