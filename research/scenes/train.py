"""Train one of the two small networks on generated scenes, as their shipped weights were.

    python research/scenes/train.py cnn --minutes 6
    python research/scenes/train.py vit --minutes 8

Writes plugins/xaibench_models/weights/scenes_{cnn,vit}.safetensors. The ViT's stem begins as the
shipped CNN's first layers. While training, a second loss pools the last feature map over the object's
mask alone, so the masks of the training scenes were seen; those of the benchmark never are. Time is
counted in processor seconds of this process, so a second run comes close but is not the same.
"""

import argparse
from math import cos, pi
from pathlib import Path
from time import process_time

import torch
import torch.nn.functional as F  # noqa: N812
from safetensors.torch import save_file
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from xaibench_datasets.scenes import TRAINING, VALIDATION, VERSION, draw
from xaibench_models.scenes_networks import STEM, SmallCNN, small_vit

WEIGHTS = Path(__file__).parents[2] / "plugins" / "xaibench_models" / "weights"
TRAIN, VALID, BATCH = 24_000, 2_000, 64
RATES = {"cnn": 3e-3, "vit": 1.5e-3}


def dataset(count: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return images (N, 3, 64, 64) of uint8, targets (N,), and the object's share of 8 x 8 cells."""
    parts = []
    for first in range(0, count, 500):
        images, targets, masks = draw(range(first, min(first + 500, count)), seed)
        parts.append((images, targets, F.avg_pool2d(masks[:, None].float(), 8)[:, 0] + 1e-4))
    images, targets, cover = (torch.cat(part) for part in zip(*parts, strict=True))
    return images, targets, cover


def normalised(images: Tensor) -> Tensor:
    """Return bytes scaled to [-1, 1], the range of the networks' input."""
    return images.float() / 127.5 - 1


def two_logits(network: nn.Module, images: Tensor, cover: Tensor) -> tuple[Tensor, Tensor]:
    """Return the logits, and those of the same head on features pooled over the object alone."""
    share = cover / cover.sum((1, 2), keepdim=True)
    if isinstance(network, VisionTransformer):
        tokens = network.forward_features(images)
        patches = tokens[:, network.num_prefix_tokens :]
        pooled = (patches * share.flatten(1)[..., None]).sum(1)
        return network.forward_head(tokens), network.head(pooled)
    assert isinstance(network, SmallCNN)
    features = network.features(images)
    return network.fc(features.mean((2, 3))), network.fc((features * share[:, None]).sum((2, 3)))


@torch.inference_mode()
def accuracy(network: nn.Module, images: Tensor, targets: Tensor) -> float:
    """Return the share of images whose highest logit is the target's."""
    network.eval()
    predicted = torch.cat([network(normalised(part)).argmax(1) for part in images.split(200)])
    network.train()
    return (predicted == targets).float().mean().item()


def train(kind: str, minutes: float, seed: int) -> tuple[nn.Module, float]:
    """Return the trained network and its accuracy on validation scenes."""
    torch.manual_seed(seed)
    images, targets, cover = dataset(TRAIN, TRAINING)
    valid_images, valid_targets, _ = dataset(VALID, VALIDATION)
    network: nn.Module = SmallCNN() if kind == "cnn" else vit_on_cnn()
    network.train()
    optimiser = torch.optim.AdamW(network.parameters(), RATES[kind], weight_decay=0.02)
    began, step, reported = process_time(), 0, 0.0
    spent = 0.0
    while spent < 1:
        order = torch.randperm(TRAIN)
        for chosen in order[: TRAIN // BATCH * BATCH].split(BATCH):
            spent = (process_time() - began) / (60 * minutes)
            if spent >= 1:
                break
            warm = min(1.0, (step + 1) / 100)
            for group in optimiser.param_groups:
                group["lr"] = RATES[kind] * warm * (0.5 + 0.5 * cos(pi * spent) + 0.01)
            loss = step_loss(network, images[chosen], targets[chosen], cover[chosen], spent)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            step += 1
            if spent - reported > 0.1:
                reported = spent
                share = accuracy(network, valid_images[:500], valid_targets[:500])
                print(
                    f"{kind} {spent:4.0%} step {step} loss {loss.item():.3f} valid {share:.3f}",
                    flush=True,
                )
    network.eval()
    return network, accuracy(network, valid_images, valid_targets)


def step_loss(
    network: nn.Module, images: Tensor, targets: Tensor, cover: Tensor, spent: float
) -> Tensor:
    """Return the cross entropy of both logits, the second fading out, on images augmented at random."""
    if torch.rand(()) < 0.5:
        images, cover = images.flip(3), cover.flip(2)
    images = images[:, torch.randperm(3)]
    plain, masked = two_logits(network, normalised(images), cover)
    fading = max(0.0, 1 - spent / 0.7)
    return F.cross_entropy(plain, targets) + fading * F.cross_entropy(masked, targets)


def vit_on_cnn() -> VisionTransformer:
    """Return the ViT with its stem initialised from the trained CNN's first layers."""
    from xaibench_models.scenes_networks import scenes_cnn_network

    network = small_vit()
    early = scenes_cnn_network().features[:STEM]
    network.patch_embed.proj[:STEM].load_state_dict(early.state_dict())
    return network


def main() -> None:
    """Train a network, print its accuracy and write its weights."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    arguments.add_argument("kind", choices=["cnn", "vit"])
    arguments.add_argument("--minutes", type=float, default=7.0, help="of processor time")
    arguments.add_argument("--threads", type=int, default=1)
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--out", type=Path, default=WEIGHTS)
    given = arguments.parse_args()
    torch.set_num_threads(given.threads)
    network, share = train(given.kind, given.minutes, given.seed)
    print(f"{given.kind}: accuracy {share:.4f} on {VALID} scenes not trained on")
    facts = {
        "accuracy": f"{share:.4f}",
        "scenes": str(VALID),
        "scenes_version": str(VERSION),
        "seed": str(given.seed),
        "minutes": str(given.minutes),
    }
    weights = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    save_file(weights, given.out / f"scenes_{given.kind}.safetensors", metadata=facts)


if __name__ == "__main__":
    main()
