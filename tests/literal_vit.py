"""timm's small ViT run step by step, head by head: the oracle of everything about attention."""

import torch
from nets import vit_network
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor

NETWORKS = {
    "class token": {},
    "registers": {"reg_tokens": 2},
    "average pooled": {"pool": "avg", "fc_norm": True},
    "average pooled after the norm": {"pool": "avg", "fc_norm": False},
}


def lively(**settings) -> VisionTransformer:
    """Weights so large that attention is far from uniform, and gradients far from zero."""
    network = vit_network(**settings).eval()
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for weight in network.parameters():
            weight += 0.25 * torch.randn(weight.shape, dtype=weight.dtype, generator=generator)
    return network


def readout(network: VisionTransformer, tokens: Tensor) -> Tensor:
    """Final norm, pooling, second norm, head."""
    tokens = network.norm(tokens)
    prefix = network.num_prefix_tokens
    pooled = tokens[:, 0] if network.global_pool == "token" else tokens[:, prefix:].mean(1)
    return network.head(network.fc_norm(pooled))


def run(network: VisionTransformer, images: Tensor, change: dict[int, Tensor] | None = None):
    """Attention of each block, (B, heads, T, T), and tokens after each, (B, T, D), on the graph.

    Args:
        network, images: what to run on what.
        change: added to a block's attention, by the block's number.
    """
    tokens = network.norm_pre(network._pos_embed(network.patch_embed(images)))
    attentions, after = [], []
    for number, block in enumerate(network.blocks):
        parts = block.attn.qkv(block.norm1(tokens)).chunk(3, 2)
        heads = [part.chunk(block.attn.num_heads, 2) for part in parts]
        width = heads[0][0].shape[2]
        weights = torch.stack(
            [(q @ k.transpose(1, 2) / width**0.5).softmax(2) for q, k, _ in zip(*heads, strict=True)], 1
        )
        attentions.append(weights)
        weights = weights if change is None or number not in change else weights + change[number]
        mixed = torch.cat([weights[:, j] @ v for j, v in enumerate(heads[2])], 2)
        tokens = tokens + block.attn.proj(mixed)
        tokens = tokens + block.mlp(block.norm2(tokens))
        after.append(tokens)
    return attentions, after


def logit(network: VisionTransformer, tokens: Tensor, targets: Tensor) -> Tensor:
    return readout(network, tokens).gather(1, targets[:, None]).sum()


def logit_gradients(network: VisionTransformer, images: Tensor, targets: Tensor) -> list[Tensor]:
    """Of the target logit, with respect to each block's attention."""
    attentions, after = run(network, images)
    return list(torch.autograd.grad(logit(network, after[-1], targets), attentions))


def own_gradient(network: VisionTransformer, images: Tensor, targets: Tensor, block: int) -> Tensor:
    """Of the target logit read out after that block, with respect to its attention."""
    attentions, after = run(network, images)
    return torch.autograd.grad(logit(network, after[block], targets), attentions[block])[0]
