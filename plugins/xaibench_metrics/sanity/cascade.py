"""Copies of a classifier with its weights drawn anew, from the logits down, a stage more in each.

The cascade of Adebayo et al. 2018, arXiv:1810.03292. A network is cut into units: a module with a
weight of two dimensions or more, such as a convolution, and the norms and scales that run after it. The
last to run, which makes the logits, is the first stage; the others are dealt out evenly, from the top.
"""

import copy
from collections.abc import Collection, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import chain, pairwise
from typing import Literal, TypeVar, cast

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.weak import WeakIdKeyDictionary

from xaibench.api.batch import seed_of
from xaibench.api.classifier import Classifier, frozen
from xaibench.api.probe import noise_for

M = TypeVar("M", bound=nn.Module)
Parameters = dict[str, nn.Parameter]
Statistics = Literal["kept", "measured"]
NOISE = 16  # images that statistics are measured on

_CASCADES: MutableMapping[Classifier, dict[tuple[object, ...], list[Classifier]]] = WeakIdKeyDictionary()


def cascade(
    classifier: Classifier,
    size: tuple[int, int],
    stages: int = 10,
    seed: int = 0,
    statistics: Statistics = "kept",
) -> list[Classifier]:
    """The classifier with the weights of its last stage drawn anew, of its last two, ..., of all.

    They are made once and remembered for as long as the classifier is alive. Its own network is not
    touched; the copies share its tensors but for what is drawn, so that together they take the memory of
    one more network.

    Args:
        classifier: whose network is copied.
        size: (height, width) of its images.
        stages: at most so many.
        seed: what is drawn depends on it and on a module's path alone.
        statistics: of batch norms that are drawn anew: "kept", or "measured" on noise. With those of
            the trained network a deep one is dead: its random weights bring them far smaller inputs, and
            of the image nothing but rounding reaches the logits.
    """
    weight = next(classifier.network.parameters(), torch.empty(0))
    known = _CASCADES.setdefault(classifier, {})
    key = (size, stages, seed, statistics, weight.device, weight.dtype)
    if key not in known:
        drawn: dict[str, Parameters] = {}
        known[key] = []
        for paths in stages_of(classifier.network, size, stages):
            for path in paths:
                module = classifier.network.get_submodule(path)
                drawn[path] = redrawn(module, seed_of(seed, "cascade", path))
            copied = with_parameters(classifier, drawn)
            if statistics == "measured":
                measure(copied.network, drawn, size)
            known[key].append(copied)
    return known[key]


def stages_of(network: nn.Module, size: tuple[int, int], most: int) -> list[list[str]]:
    """Paths of the modules that have parameters of their own, by stage, what makes the logits first."""
    units: list[list[str]] = [[]]
    weighted = False  # norms that run before the first weight go with it
    for path in run_order(network, size):
        own = network.get_submodule(path).parameters(recurse=False)
        heavy = any(weight.ndim > 1 for weight in own)
        if heavy and weighted:
            units.append([])
        weighted |= heavy
        units[-1].append(path)
    rest, last = units[:-1][::-1], units[-1]
    count = min(most - 1, len(rest))
    bounds = [round(i * len(rest) / count) for i in range(count + 1)] if count else []
    groups = [rest[first:end] for first, end in pairwise(bounds)]
    stages = [last, *([path for unit in group for path in unit] for group in groups)]
    return [stage for stage in stages if stage]


def run_order(network: nn.Module, size: tuple[int, int]) -> list[str]:
    """Paths of the modules that have parameters of their own, as they begin to run.

    One that is not called itself, such as the last projection of PyTorch's attention, has the place of
    the nearest module around it that is.
    """
    began: dict[str, int] = {}

    def note(path: str, module: nn.Module, args: object) -> None:
        began.setdefault(path, len(began))

    handles = [
        module.register_forward_pre_hook(partial(note, path)) for path, module in network.named_modules()
    ]
    try:
        with frozen(network), torch.no_grad():
            network(noise_for(network, size))
    finally:
        for handle in handles:
            handle.remove()

    def place(path: str) -> int:
        while path not in began:
            path = path.rpartition(".")[0]
        return began[path]

    modules = network.named_modules()
    owners = [path for path, module in modules if list(module.parameters(recurse=False))]
    return sorted(owners, key=place)


def redrawn(module: nn.Module, seed: int) -> Parameters:
    """New values of a module's own parameters, by name; the module is not touched.

    By its own `reset_parameters`. What has none, such as a class token or position embeddings, or what
    that leaves as it was, is drawn from the normal distribution with its mean and standard deviation.
    Buffers, such as a batch norm's running statistics, are kept.
    """
    own = dict(module.named_parameters(recurse=False))
    with drawing(seed) as generator, torch.no_grad():
        # On the CPU, so that every device draws the same
        again = reset(copy.deepcopy(module).cpu())
        fresh = {name: weight.detach() for name, weight in again.named_parameters(recurse=False)}
        for name, weight in own.items():
            trained = weight.detach().cpu()
            if torch.equal(fresh[name], trained):
                noise = torch.randn(trained.shape, generator=generator, dtype=trained.dtype)
                fresh[name] = trained.mean() + noise * trained.std(correction=0)
    return {
        name: nn.Parameter(fresh[name].to(weight.device), weight.requires_grad)
        for name, weight in own.items()
    }


def reset(module: nn.Module) -> nn.Module:
    """`module`, its parameters initialised again where it knows how."""
    for name in ("reset_parameters", "_reset_parameters"):  # the latter: PyTorch's attention
        how = getattr(module, name, None)
        if callable(how):
            how()
            break
    return module


@contextmanager
def drawing(seed: int) -> Iterator[torch.Generator]:
    """PyTorch's own generator, seeded; as before afterwards, also on errors."""
    generator = torch.default_generator
    before = generator.get_state()
    try:
        yield generator.manual_seed(seed)
    finally:
        generator.set_state(before)


def with_parameters(classifier: Classifier, drawn: Mapping[str, Parameters]) -> Classifier:
    """A copy of `classifier` with other parameters, by module's path and name; all else is shared."""
    network = classifier.network
    path = {module: name for name, module in network.named_modules()}
    tensors = chain(network.parameters(), network.buffers())
    copied = copy.deepcopy(network, {id(tensor): tensor for tensor in tensors})
    for place, parameters in drawn.items():
        for name, weight in parameters.items():
            setattr(copied.get_submodule(place), name, weight)

    def on_device(module: M) -> M:
        return cast(M, copied.get_submodule(path[module]))

    layers = [replace(layer, module=on_device(layer.module)) for layer in classifier.target_layers]
    return replace(
        classifier,
        network=copied,
        target_layers=tuple(layers),
        head=classifier.head and on_device(classifier.head),
        head_norm=classifier.head_norm and on_device(classifier.head_norm),
    )


def measure(network: nn.Module, paths: Collection[str], size: tuple[int, int]) -> None:
    """Give the batch norms at `paths` the statistics of what reaches them from white noise, in place."""
    layers = [network.get_submodule(path) for path in paths]
    norms = [norm for norm in layers if isinstance(norm, _BatchNorm) and norm.running_mean is not None]
    network.eval()
    for norm in norms:
        for name, buffer in list(norm.named_buffers(recurse=False)):
            setattr(norm, name, buffer.clone())  # the others' are the copied network's own
        norm.reset_running_stats()
        norm.momentum = None  # the first batch counts in full
        norm.train()
    one = noise_for(network, size)
    noise = torch.randn(NOISE, *one.shape[1:], generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        network(noise.to(one))
    network.eval()
