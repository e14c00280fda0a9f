"""Explainers that are broken on purpose, each in one way, and their healthy twins."""

from dataclasses import dataclass

import torch

from xaibench.api import Explainer, Modifier
from xaibench.api.variants import Variants

KEPT: list[torch.Tensor] = []


@dataclass(frozen=True)
class Broken:
    """What is wrong with a plugin: the clauses that it breaks, and what is said of the first.

    `typed`: the type checks that our tests run with would find it first; users run without them.
    """

    clauses: tuple[str, ...]
    says: str
    facts: dict
    typed: bool = False


def healthy(capture):
    return (capture.activations * capture.gradients).sum(1)


def healthy_asking(capture):
    images = capture.batch.images
    share = (1 + torch.arange(3)).to(images) / 3

    def build(row, k):
        return images[row] * share[k][:, None, None, None]

    scores = yield Variants(build, 3)
    return healthy(capture) * scores.mean(1)[:, None, None]


def healthy_drawing(capture):
    maps = healthy(capture)
    generators = capture.batch.generators("healthy")
    noise = [torch.randn(maps.shape[1:], generator=g, dtype=maps.dtype) for g in generators]
    return maps + maps.abs().amax((1, 2), keepdim=True) * torch.stack(noise)


def class_mixed(capture):
    """Its variants depend on the class, and it says that they do not."""
    images, targets = capture.batch.images, capture.batch.targets

    def build(row, k):
        return images[row] * ((1 + k) / (3.0 + targets[row])).to(images)[:, None, None, None]

    scores = yield Variants(build, 3, any_class=True)
    return healthy(capture) * scores.mean(1)[:, None, None]


def raises(capture):
    raise ZeroDivisionError("nothing to divide by")


def channels(capture):
    return capture.activations * capture.gradients


def lists(capture):
    return healthy(capture).tolist()


def single_precision(capture):
    return healthy(capture).float()


def on_the_graph(capture):
    return healthy(capture).requires_grad_()


def nan(capture):
    maps = healthy(capture).clone()
    maps[:, 0, 0] = torch.nan
    return maps


def against_the_mean(capture):
    maps = healthy(capture)
    return maps - maps.mean(0)


def first_is_brighter(capture):
    """Where one is asked for, it is what it would be in another place of the batch."""
    maps = healthy(capture).clone()
    maps[0] *= 2
    return maps if len(maps) > 1 else maps / 2


def first_image_for_all(capture):
    """Reads the shared forward's images as if each trial were one of them."""
    outputs = capture.shared.outputs[-1].detach()
    layer = capture.classifier.target_layer
    return (layer.to_grid(outputs)[: len(capture.gradients)] * capture.gradients).sum(1)


def own_draws(capture):
    maps = healthy(capture)
    return maps * torch.rand(maps.shape[1:], dtype=maps.dtype)


def ignores_the_seed(capture):
    return healthy(capture)


def undeclared_draws(capture):
    return healthy_drawing(capture)


def drops_the_target(capture):
    return capture.activations.sum(1)


def claims_no_target(capture):
    return healthy(capture)


def flips(capture):
    return healthy(capture).flip(2)


def turns_over(capture):
    return healthy(capture).flip(1)


def brighter_on_the_left(capture):
    maps = healthy(capture)
    return maps * torch.linspace(2, 1, maps.shape[2], dtype=maps.dtype)


def leaves_training(capture):
    capture.classifier.network.train()
    return healthy(capture)


def leaves_gradients_on(capture):
    capture.classifier.network.requires_grad_(True)
    return healthy(capture)


def changes_a_weight(capture):
    weight = next(capture.classifier.network.parameters())
    weight.data[0] += 1
    return healthy(capture)


def leaves_hooks(capture):
    capture.classifier.target_layer.module.register_forward_hook(lambda *_: None)
    return healthy(capture)


def leaves_hooks_when_it_fails(capture):
    module = capture.classifier.target_layer.module
    handle = module.register_forward_hook(lambda *_: None)
    with capture.network() as network:
        network(capture.batch.images)
    handle.remove()
    return healthy(capture)


def writes_to_activations(capture):
    return capture.activations.mul_(capture.gradients).sum(1)


def writes_and_takes_back(capture):
    maps = healthy(capture)
    capture.gradients.add_(0)
    return maps


def does_not_count(capture):
    capture.classifier.network(capture.batch.images)
    return healthy(capture)


def by_the_width_of_passes(capture):
    images = capture.batch.images

    def build(row, k):
        return images[row] * torch.linspace(0.2, 1, len(k)).to(images)[:, None, None, None]

    scores = yield Variants(build, 3)
    return healthy(capture) * scores.mean(1)[:, None, None]


def leaks(capture):
    KEPT.append(healthy(capture))
    return KEPT[-1].clone()


HEALTHY = {
    "healthy": {},
    "healthy_asking": {},
    "healthy_drawing": {"traits": ("seeded", "unmirrored")},
}
LOOP = ("batch-equals-loop", "batch-order", "classes-of-one-image")
BROKEN = {
    "missing": Broken(("loads",), r"has no attribute 'missing'", {}),
    "raises": Broken(("shape",), r"expected: no exception\n  found:    ZeroDivisionError: nothing", {}),
    "channels": Broken(("shape",), r"\(3, h, w\), one map an image\n.*\(3, 8, 8, 6\)", {}),
    "lists": Broken(("shape",), r"a tensor \(3, h, w\)\n  found:    list", {}),
    "single_precision": Broken(("dtype",), r"torch.float64.*\n.*torch.float32", {}),
    "on_the_graph": Broken(("dtype",), r"maps that require gradients", {}),
    "nan": Broken(("finite",), r"NaN or infinity in 3 of 3 maps", {}),
    "against_the_mean": Broken(
        (LOOP[0], LOOP[2]), r"the same map for an image alone and among others\n.*image 'a'", {}
    ),
    "first_is_brighter": Broken(LOOP, r"the same map for an image alone and among others", {}),
    "first_image_for_all": Broken((LOOP[2],), r"of classes of one image as of each class alone", {}),
    "class_mixed": Broken((LOOP[2],), r"of classes of one image as of each class alone", {}),
    "own_draws": Broken(
        ("deterministic",),
        r"draw from `capture.batch.generators\(...\)`",
        {},
    ),
    "ignores_the_seed": Broken(
        ("seed",), r'other maps for other seeds, as the trait "seeded" says', {"traits": ("seeded",)}
    ),
    "undeclared_draws": Broken(("seed",), r"other maps and no such trait", {"traits": ("unmirrored",)}),
    "drops_the_target": Broken(("target",), r"the same maps for all classes", {}),
    "claims_no_target": Broken(
        ("target",), r'as the trait "any-class" says\n  found:    other maps', {"traits": ("any-class",)}
    ),
    "brighter_on_the_left": Broken(
        ("mirror",), r"'even_pooled', which does not tell left from right", {}
    ),
    "flips": Broken(("upright",), r"than anywhere that is turned over\n.* mirrored", {}),
    "turns_over": Broken(("upright",), r"than anywhere that is turned over\n.* upside down", {}),
    "leaves_training": Broken(
        ("state-restored", "restored-after-raising"), r"training of .* was False and is True", {}
    ),
    "leaves_gradients_on": Broken(
        ("state-restored", "restored-after-raising"), r"requires_grad of .* was False and is True", {}
    ),
    "changes_a_weight": Broken(
        ("state-restored", "restored-after-raising"), r"the values of 0.weight changed", {}
    ),
    "leaves_hooks": Broken(
        ("hooks-gone", "restored-after-raising"), r"1 forward_hooks on 1 \(ReLU\)", {}
    ),
    "leaves_hooks_when_it_fails": Broken(
        ("restored-after-raising",), r"after forward 1 raised\n.*left behind: 1 forward_hooks on 1", {}
    ),
    "writes_to_activations": Broken(
        ("shared-unwritten",), r"capture.layer_activations\[0\] was written to in place", {}
    ),
    "writes_and_takes_back": Broken(
        ("shared-unwritten",), r"capture.layer_gradients\[0\] was written to in place, 1 times", {}
    ),
    "does_not_count": Broken(("passes-counted",), r"3 images forwarded and 0 counted", {}),
    "by_the_width_of_passes": Broken(
        ("pass-width",),
        r"the same map in passes of 1 and of 64",
        {},
    ),
    "leaks": Broken(("memory",), r"bytes of tensors more are alive after each ", {}),
    "misspelt_need": Broken(("facts",), r"'linear_head'", {"at": "healthy", "needs": ("linear_head",)}),
    "misspelt_trait": Broken(("facts",), r"'anyclass'", {"at": "healthy", "traits": ("anyclass",)}),
    "nowhere": Broken(
        ("applies",), r"a network that it applies to; give the contract one", {"at": "nowhere"}
    ),
}


def nowhere(capture):
    from xaibench.api import Unsupported

    raise Unsupported("it needs a network with wheels")


def explainer(name: str, facts: dict) -> Explainer:
    """The spec of one of the zoo."""
    facts = dict(facts)
    return Explainer(name=name, at=f"zoo_explainers:{facts.pop('at', name)}", **facts)


def doubled(under):
    """A modifier: twice the map, whether it is returned or comes after forwards."""
    from collections.abc import Generator

    def explain(capture):
        said = under(capture)
        return asking(said) if isinstance(said, Generator) else 2 * said

    def asking(said):
        return 2 * (yield from said)

    return explain


def doubled_at_once(under):
    """It does not know of explainers that ask."""
    return lambda capture: 2 * under(capture)


def forgetful(under):
    """It drops the target, and the explainer."""
    return lambda capture: capture.activations.sum(1)


MODIFIERS = {
    "doubled_at_once": Broken(("shape",), r"TypeError.* \(over 'asking' on network 'pooled'\)", {}),
    "forgetful": Broken(("target",), r"the same maps for all classes \(over 'at-once'", {}),
    "never": Broken(("loads",), r"has no attribute 'never'", {}),
}


def modifier(name: str) -> Modifier:
    """The spec of one of the zoo."""
    return Modifier(name=name, at=f"zoo_explainers:{name}")
