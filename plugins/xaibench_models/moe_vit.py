"""A small vision transformer with a mixture of experts in every second block; random weights.

The layout of V-MoE (Riquelme et al. 2021, arXiv:2106.05974), each token sent to one expert as in
Switch (Fedus et al. 2021, arXiv:2101.03961), without a limit to an expert's tokens: what a token
comes to does not depend on the rest of the batch. Untrained: it shows that such a network is
explained, and says nothing about its explanations.
"""

import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from xaibench.api.classifier import Classifier
from xaibench_models.checkpoints import load_checkpoint, same_draw
from xaibench_models.scenes import SIDE, scenes_classifier
from xaibench_models.scenes_networks import CLASSES

WIDTH, DEPTH, HEADS, PATCH = 64, 4, 4, 8
EXPERTS = 4


class MixtureOfExperts(nn.Module):
    """A two-layer perceptron out of several for each token, the one its router gives most to."""

    def __init__(self, width: int, hidden: int, experts: int = EXPERTS) -> None:
        super().__init__()
        self.router = nn.Linear(width, experts, bias=False)
        self.rise = nn.Parameter(torch.randn(experts, width, hidden) * width**-0.5)
        self.fall = nn.Parameter(torch.randn(experts, hidden, width) * hidden**-0.5)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, K) to (B, N, K): the chosen expert's output times the chance it was given."""
        chances = self.router(tokens).softmax(-1)
        chance, expert = chances.max(-1)
        # Every expert sees every token: with four small ones that is sooner than sorting tokens.
        hidden = nn.functional.gelu(torch.einsum("bnk,ekh->bneh", tokens, self.rise))
        outputs = torch.einsum("bneh,ehk->bnek", hidden, self.fall)
        chosen = expert[..., None, None].expand(-1, -1, 1, outputs.shape[-1])
        mixed: Tensor = chance[..., None] * outputs.gather(2, chosen).squeeze(2)
        return mixed


def moe_vit_network() -> VisionTransformer:
    """A class-token ViT of four blocks, the second and fourth with experts."""
    network = VisionTransformer(
        img_size=SIDE,
        patch_size=PATCH,
        num_classes=CLASSES,
        embed_dim=WIDTH,
        depth=DEPTH,
        num_heads=HEADS,
    )
    for block in list(network.blocks)[1::2]:
        block.mlp = MixtureOfExperts(WIDTH, 4 * WIDTH)
    return network


def moe_vit(weights: str = "random", target_layer: str | None = None) -> Classifier:
    """The ViT at the last block's first norm: past that attention, patches reach no logit.

    Args:
        weights: "random", drawn, always the same; or a file.
        target_layer: path of a module, where the one found is not the one wanted.
    """
    with same_draw():
        network = moe_vit_network().eval()
    if weights != "random":
        load_checkpoint(network, weights)
    return scenes_classifier(network, target_layer)
