"""The training loop: seeded batches, Adam, accuracy per epoch, early stop, resumed by itself."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from math import cos, pi
from pathlib import Path
from time import perf_counter

import msgspec
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from xaibench.api.batch import seed_of
from xaibench.api.classifier import frozen
from xaibench.api.types import Images
from xaibench.engine.network.prepare import keep_freed_memory
from xaibench.train.checkpoint import (
    BEST,
    WEIGHTS,
    Facts,
    Folder,
    fill,
    new_network,
    read_tensors,
)
from xaibench.train.recipe import Epoch, Recipe, TrainingObserver
from xaibench.train.samples import Samples
from xaibench.train.splits import Split

WARM = 0.1  # share of the steps in which the learning rate rises
NETWORK, MOMENTS = "network.", "adam."
EVALUATED = 256  # images in a pass without a graph


def train(
    recipe: Recipe,
    path: Path,
    samples: Samples,
    rows: Split,
    names: tuple[str, ...],
    label_space: str = "",
    observer: TrainingObserver | None = None,
    device: torch.device | None = None,
    overwrite: bool = False,
) -> Facts:
    """Train a network, or what is left of its training, into a folder.

    Broken off after any epoch and called again, it gives the numbers of an unbroken one.

    Args:
        recipe: what it is trained by.
        path: the folder.
        samples: the images.
        rows: which of them are trained on, and which are held out to choose the best epoch by.
        names: of the classes.
        label_space: of the data set.
        observer: is told how it goes.
        device: the CPU where not given.
        overwrite: begin anew.

    Raises:
        ConfigError: the folder holds another training.
        PluginError: the architecture cannot be made, or what the folder holds cannot be read.
    """
    observer, device = observer or TrainingObserver(), device or torch.device("cpu")
    folder, facts = Folder.open(path, recipe, overwrite)
    facts = facts or Facts(
        recipe=recipe,
        names=names,
        label_space=label_space,
        preprocess=samples.preprocess,
        images=(len(rows.train), len(rows.held_out)),
    )
    observer.began(path.name, recipe.epochs, len(rows.train), len(facts.history))
    if facts.complete:
        return facts
    with repeatable(recipe.seed, "weights"):
        network = new_network(recipe, len(names)).to(device)
    keep_freed_memory()  # with the layout, a convolutional network's step takes half as long on a CPU
    network.to(memory_format=torch.channels_last)
    adam = torch.optim.Adam(network.parameters(), recipe.rate)
    best: dict[str, Tensor] = {}
    if facts.history:
        best = restore(network, adam, read_tensors(path, facts), path)
    while not over(facts):
        began, number = perf_counter(), len(facts.history) + 1
        with repeatable(recipe.seed, "epoch", number):
            loss, accuracy = one_epoch(network, adam, recipe, number, samples, rows.train, observer)
        held_loss, right = assess(network, samples, rows.held_out)
        epoch = Epoch(
            number=number,
            loss=loss,
            accuracy=accuracy,
            held_out_loss=held_loss,
            held_out_accuracy=right.float().mean().item(),
            seconds=round(perf_counter() - began, 3),
        )
        facts = with_epoch(facts, epoch)
        if facts.best == number:
            best = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
        folder.write(facts, state_of(network, adam, best))
        observer.epoch(epoch)
    facts = msgspec.structs.replace(facts, complete=True, tensors=WEIGHTS)
    folder.write(facts, best)
    return facts


@contextmanager
def repeatable(*seed: object) -> Iterator[None]:
    """Seed torch inside the context, and restore the state of its generators afterwards."""
    with torch.random.fork_rng(), torch.backends.cudnn.flags(deterministic=True, benchmark=False):
        torch.manual_seed(seed_of(*seed))
        yield


def over(facts: Facts) -> bool:
    """Return whether all epochs are done, or none improved within the recipe's patience."""
    done = len(facts.history)
    return done >= facts.recipe.epochs or (done > 0 and done - facts.best >= facts.recipe.patience)


def with_epoch(facts: Facts, epoch: Epoch) -> Facts:
    """Return the facts with one epoch more, marked as the best if none before was as good."""
    better = not facts.history or epoch.held_out_accuracy > facts.accuracy
    return msgspec.structs.replace(
        facts,
        history=(*facts.history, epoch),
        best=epoch.number if better else facts.best,
        tensors=f"epoch-{epoch.number:04}.safetensors",
    )


def one_epoch(
    network: nn.Module,
    adam: torch.optim.Adam,
    recipe: Recipe,
    number: int,
    samples: Samples,
    rows: Tensor,
    observer: TrainingObserver,
) -> tuple[float, float]:
    """Train on each image once but for a last broken batch; mean loss and accuracy on the way."""
    device = next(network.parameters()).device
    size = min(recipe.batch, len(rows))
    steps = len(rows) // size
    order = rows[torch.randperm(len(rows))][: steps * size]
    network.train()
    total, right = 0.0, 0
    for turn, chosen in enumerate(order.split(size)):
        images, targets = (tensor.to(device) for tensor in samples.batch(chosen))
        for group in adam.param_groups:
            group["lr"] = recipe.rate * pace((number - 1) * steps + turn, recipe.epochs * steps)
        logits = network(augmented(images, recipe.augment))
        loss = F.cross_entropy(logits, targets)
        adam.zero_grad()
        loss.backward()
        adam.step()
        total += loss.item() * len(chosen)
        right += int((logits.argmax(1) == targets).sum())
        observer.trained(len(chosen))
    network.eval()
    return total / len(order), right / len(order)


def augmented(images: Images, how: Collection[str]) -> Images:
    """Return images augmented at random, each by its own draw; draws are made on the CPU."""
    count = len(images)
    if "mirror" in how:
        turned = (torch.rand(count) < 0.5).to(images.device)
        images = torch.where(turned[:, None, None, None], images.flip(3), images)
    if "recolour" in how:
        order = torch.rand(count, 3).argsort(1).to(images.device)
        images = images[torch.arange(count, device=images.device)[:, None], order]
    return images


def pace(step: int, steps: int) -> float:
    """Return the share of the largest learning rate at a step: a linear rise, then a cosine."""
    return min(1.0, (step + 1) / (WARM * steps)) * (0.5 + 0.5 * cos(pi * step / steps))


def assess(network: nn.Module, samples: Samples, rows: Tensor) -> tuple[float, Tensor]:
    """Return the mean cross entropy, and which images are classified correctly, (n,) of bool."""
    device = next(network.parameters()).device
    total, right = 0.0, []
    with frozen(network), torch.inference_mode():
        for chosen in rows.split(EVALUATED):
            images, targets = (tensor.to(device) for tensor in samples.batch(chosen))
            logits = network(images)
            total += F.cross_entropy(logits, targets, reduction="sum").item()
            right.append((logits.argmax(1) == targets).cpu())
    return total / len(rows), torch.cat(right)


def state_of(
    network: nn.Module, adam: torch.optim.Adam, best: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Return the state of a training: the network, Adam's moments, and the best epoch's weights."""
    tensors = {NETWORK + name: tensor for name, tensor in network.state_dict().items()}
    tensors |= {BEST + name: tensor for name, tensor in best.items()}
    for name, weight in network.named_parameters():
        for part, value in adam.state[weight].items():
            tensors[f"{MOMENTS}{part}.{name}"] = value
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}


def restore(
    network: nn.Module, adam: torch.optim.Adam, tensors: Mapping[str, Tensor], path: Path
) -> dict[str, Tensor]:
    """Load a state into a network and its Adam, in place; return the best epoch's weights."""

    def under(prefix: str) -> dict[str, Tensor]:
        return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}

    fill(network, under(NETWORK), path)
    parts = {part for name in under(MOMENTS) for part in [name.partition(".")[0]]}
    for name, weight in network.named_parameters():
        moments = {part: tensors.get(f"{MOMENTS}{part}.{name}") for part in sorted(parts)}
        adam.state[weight] = {
            part: value if part == "step" else torch.empty_like(weight).copy_(value)
            for part, value in moments.items()
            if value is not None
        }
    return {name: value.to(next(network.parameters()).device) for name, value in under(BEST).items()}
