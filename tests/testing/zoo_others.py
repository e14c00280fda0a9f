"""Metrics, models, data sets, architectures and executors broken on purpose, each in one way."""

from contextlib import contextmanager
from functools import cache, partial

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from PIL import Image
from torch import nn
from zoo_explainers import Broken

from xaibench.api import Architecture, Dataset, Executor, Metric, Model
from xaibench.api.batch import Example, Preprocess
from xaibench.api.classifier import Classifier, TargetLayer
from xaibench.api.executing import Lost
from xaibench.api.scored import Scored
from xaibench.api.variants import Variants

KEPT: list[torch.Tensor] = []
DRAWN = torch.Generator().manual_seed(0)


# Metrics: how bright the image is where the map is high, and what can go wrong with that.


def weighed(maps, batch):
    """Mean brightness, weighed with the map, squeezed into [0, 1]; undefined for an empty map."""
    sums = maps.sum((1, 2))
    shares = (maps * batch.images.mean(1)).sum((1, 2)) / sums
    flat = {i: "the map is empty" for i in (sums == 0).nonzero().flatten().tolist()}
    return Scored(torch.sigmoid(shares), undefined=flat)


def scores_of(maps, batch):
    return weighed(maps, batch).scores.nan_to_num(0.5)


def asking(maps, batch):
    """The target's probability behind the map."""
    scores = yield Variants(lambda row, k: (batch.images[row] * maps[row]).expand(len(k), -1, -1, -1), 1)
    return scores[:, 0]


def two_numbers(maps, batch):
    return torch.stack([scores_of(maps, batch)] * 2, 1)


def a_mean(maps, batch):
    return scores_of(maps, batch).mean()


def whole_numbers(maps, batch):
    return scores_of(maps, batch).long()


def out_of_range(maps, batch):
    return 2 + scores_of(maps, batch)


def silent_nan(maps, batch):
    return weighed(maps, batch).scores


def guesses(maps, batch):
    found = weighed(maps, batch)
    return Scored(found.scores.nan_to_num(0.0), undefined=found.undefined)


def never_knows(maps, batch):
    nothing = torch.full((len(maps),), torch.nan, dtype=maps.dtype)
    return Scored(nothing, undefined=dict.fromkeys(range(len(maps)), "a library refuses colours"))


def against_the_mean(maps, batch):
    found = scores_of(maps, batch)
    return torch.sigmoid(found - found.mean())


def draws(maps, batch):
    return (scores_of(maps, batch) + torch.rand(len(maps))) / 2


def writes_maps(maps, batch):
    return scores_of(maps.mul_(0.5), batch)


def writes_images(maps, batch):
    batch.images.sub_(0)
    return scores_of(maps, batch)


def of_values(maps, batch):
    return scores_of(maps, batch)


def upside_down(maps, batch):
    return scores_of(maps, batch)


def by_the_width_of_passes(maps, batch):
    images = batch.images

    def build(row, k):
        return images[row] * torch.linspace(0.2, 1, len(k)).to(images)[:, None, None, None]

    scores = yield Variants(build, 3)
    return scores.mean(1)


def leaks(maps, batch):
    KEPT.append(maps * 2)
    return scores_of(maps, batch)


class Unsuperseded(Metric):
    """It gets around what a Metric checks itself."""

    def __post_init__(self):
        pass


HEALTHY_METRICS = ("weighed", "asking")
METRICS = {
    "missing": Broken(("loads",), "has no attribute 'missing'", {}),
    "two_numbers": Broken(("one-number-an-image",), r"\(3,\), one number an image\n.*\(3, 2\)", {}),
    "a_mean": Broken(("one-number-an-image",), r"\(3,\), one number an image\n.*found:    \(\)", {}),
    "whole_numbers": Broken(("one-number-an-image",), r"floating-point numbers\n.*torch.int64", {}),
    "out_of_range": Broken(("range",), r"scores from 0 to 1\n  found:    2\.", {}),
    "silent_nan": Broken(("undefined-with-reason",), r"nan of map 1 without one", {}),
    "guesses": Broken(("undefined-with-reason",), r"NaN where a score is undefined\n.*0.0 at 1", {}),
    "never_knows": Broken(("scores-something",), r"none: a library refuses colours", {}),
    "against_the_mean": Broken(
        ("batch-equals-loop", "direction"), r"of maps \[2, 0\], without ties", {}
    ),
    "draws": Broken(("deterministic",), r"draw from `batch.generators\(...\)`", {}),
    "writes_maps": Broken(("maps-unwritten",), r"maps was written to in place", {}),
    "writes_images": Broken(("maps-unwritten",), r"batch.images was written to in place, 1 times", {}),
    "of_values": Broken(
        ("order-only",), r"an increasing function of the map", {"traits": ("order-only",)}
    ),
    "upside_down": Broken(
        ("direction",), r"a lower score for the map of all that", {"higher_is_better": False}
    ),
    "by_the_width_of_passes": Broken(
        ("batch-equals-loop", "pass-width"), r"the same score for a map alone", {}
    ),
    "leaks": Broken(("memory",), r"bytes of tensors more are alive", {}),
    "misspelt": Broken(("facts",), r"'boxes'", {"needs": ("boxes",)}),
    "wordless": Broken(("facts",), r"`convention`: what the number means", {"convention": {}}),
    "empty_range": Broken(("facts",), r"a range from its least", {"range": (1.0, 0.0)}),
    "unsuperseded": Broken(("supersedes",), r"what it mends of the version before", {"version": 2}),
}


def metric(name: str, facts: dict) -> Metric:
    """The spec of one of the zoo."""
    own = name not in ("misspelt", "wordless", "empty_range", "unsuperseded")
    usual = {"higher_is_better": True, "range": (0.0, 1.0), "convention": {"score": "a toy"}}
    kind = Unsuperseded if name == "unsuperseded" else Metric
    return kind(name=name, at=f"zoo_others:{name if own else 'weighed'}", **{**usual, **facts})


# Models: a small network on 16 x 12 pixels.

SIZE = (16, 12)


class Network(nn.Module):
    """A convolution, a ReLU, pooling, a linear layer."""

    def __init__(self, change=None, outer=None, seed=0):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            if seed is not None:
                torch.manual_seed(seed)
            self.embed = nn.Conv2d(3, 8, 4, stride=2, padding=1)
            self.head = nn.Linear(8, 4)
        self.out = nn.ReLU()
        self.change, self.outer = change, outer
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, images):
        features = self.out(self.embed(images))
        features = self.change(self, features) if self.change else features
        logits = self.head(features.mean((2, 3)))
        return self.outer(logits) if self.outer else logits


def classifier(network=None, layer="out", **facts):
    network = network or Network()
    facts = {"preprocess": Preprocess(SIZE), "head": network.head, **facts}
    to_grid = facts.pop("to_grid", lambda output: output)
    return Classifier(network, (TargetLayer(layer, network.out, to_grid),), **facts)


def healthy():
    return classifier()


def bare_network():
    return Network()


def without_preprocess():
    return classifier(preprocess=None)


def probabilities():
    return classifier(Network(outer=lambda logits: logits.softmax(1)), head=None)


def one_logit_for_all():
    return classifier(Network(outer=lambda logits: logits.mean(1)), head=None)


def misnamed_classes():
    return classifier(class_names=("cat", "dog"))


def dropout_stays():
    return classifier(Network(lambda self, x: F.dropout(x, 0.5, training=True)), head=None)


def batch_statistics():
    return classifier(Network(lambda self, x: F.batch_norm(x, None, None, training=True)), head=None)


def drawn_anew():
    return classifier(Network(seed=None))


def counting():
    def count(self, x):
        self.calls += 1
        return x

    return classifier(Network(count))


def elsewhere():
    return classifier(layer="embed")


def nowhere():
    return classifier(layer="features.3")


def blind_layer():
    network = Network()
    network.blind = nn.Identity()
    plain = network.forward

    def forward(images):
        return plain(images) + 0 * network.blind(images).sum()

    network.forward = forward
    return Classifier(network, (TargetLayer("blind", network.blind),), Preprocess(SIZE))


def no_grid():
    return classifier(to_grid=lambda output: output.mean((2, 3)))


def wrong_head():
    return classifier(head=nn.Linear(8, 4))


def turned_grid():
    return classifier(to_grid=lambda output: output.flip(3), layer="out")


MODELS = {
    "missing": Broken(("loads",), "has no attribute 'missing'", {}),
    "bare_network": Broken(("classifier",), r"a Classifier\n  found:    Network", {}),
    "without_preprocess": Broken(("preprocess",), r"how the network wants its images\n.*None", {}),
    "probabilities": Broken(("logits",), r"logits\n  found:    probabilities", {}),
    "one_logit_for_all": Broken(("logits",), r"\(3, C\), a number a class\n.*\(3,\)", {}, typed=True),
    "misnamed_classes": Broken(("logits",), r"no class names or 4, as many as logits\n.*2", {}),
    "dropout_stays": Broken(("deterministic",), r"the same logits of the same images", {}),
    "batch_statistics": Broken(
        ("batch-equals-loop",), r"the same logits for an image alone and among others", {}
    ),
    "drawn_anew": Broken(("loaded-twice",), r"other weights; seed what is drawn", {}),
    "counting": Broken(("state-restored",), r"the values of buffer calls changed", {}),
    "elsewhere": Broken(("target-layer",), r"another one is at 'embed'", {}),
    "nowhere": Broken(("target-layer",), r"the path of a module of the network\n.*'features.3'", {}),
    "blind_layer": Broken(("target-layer",), r"gradients of 0 at 'blind'", {}),
    "no_grid": Broken(("target-layer",), r"a grid \(3, K, h, w\)\n.*\(3, 8\) at 'out'", {}, typed=True),
    "wrong_head": Broken(("head",), r"logits == head", {}),
    "turned_grid": Broken(("upright",), r"'mirrored' at 'out': -", {}),
}


def model(name: str) -> Model:
    """The spec of one of the zoo."""
    return Model(name=name, at=f"zoo_others:{name}")


# Data sets: four small pictures.


def picture(number):
    noise = np.random.default_rng(number).integers(0, 255, (20, 24, 3), dtype=np.uint8)
    return Image.fromarray(noise)


def mask_of(number):
    mask = np.zeros((20, 24), dtype=bool)
    mask[number : number + 5] = True
    return mask


def example(number, **facts):
    usual = {
        "id": f"image-{number}",
        "image": partial(picture, number),
        "target": number % 2,
        "boxes": ((2, 2, 9, 9),),
        "mask": partial(mask_of, number),
    }
    return Example(**{**usual, **facts})


def pictures():
    """Of the first, two classes."""
    return [*(example(i) for i in range(4)), example(0, target=1)]


def nothing():
    return []


def names_alone():
    return ["image-0", "image-1"]


def doubled():
    return [*pictures(), example(2)]


def machine_paths():
    return [example(0, id="/home/me/image-0.png")]


def fractional_class():
    return [example(0, target=0.5)]


def two_pictures_an_id():
    return [*pictures(), example(0, target=3, image=partial(picture, 9))]


def eager():
    made = [picture(i) for i in range(4)]
    return [example(i, image=made[i].copy) for i in range(4)]


def unreadable():
    return [example(0, image=partial(int, "no picture"))]


def box_outside():
    return [example(0), example(1, boxes=((2, 2, 60, 9),))]


def turned_mask():
    return [example(0, mask=lambda: mask_of(0).T)]


def empty_mask():
    return [example(0, mask=lambda: np.zeros((20, 24), dtype=bool))]


def grey_mask():
    return [example(0, mask=lambda: mask_of(0).astype(np.float32))]


def shuffled():
    order = torch.randperm(12, generator=DRAWN).tolist()
    return [example(i) for i in order]


def redrawn():
    start = int(torch.randint(1000, (1,), generator=DRAWN))
    return [example(i, image=partial(picture, start + i)) for i in range(4)]


def one_generator():
    """Each picture is the next draw of one generator that all share."""
    shared = np.random.default_rng(0)

    def draw():
        return Image.fromarray(shared.integers(0, 255, (20, 24, 3), dtype=np.uint8))

    return [example(i, image=draw) for i in range(4)]


@cache
def kept_mask(number):
    return mask_of(number)


def shared_masks():
    return [example(i, mask=partial(kept_mask, i)) for i in range(4)]


DATASETS = {
    "missing": Broken(("loads",), "has no attribute 'missing'", {}),
    "nothing": Broken(("examples",), r"a sequence of at least one Example\n.*list \[\]", {}),
    "names_alone": Broken(("examples",), r"Examples\n.*str 'image-0'", {}, typed=True),
    "doubled": Broken(("ids-unique",), r"'image-2', class 0, 2 times", {}),
    "machine_paths": Broken(("examples",), r"no path of this machine\n.*'/home/me", {}),
    "fractional_class": Broken(
        ("examples",), r"a class's index, or -1\n.*0.5 of 'image-0'", {}, typed=True
    ),
    "two_pictures_an_id": Broken(("one-picture-an-id",), r"two for 'image-0'", {}),
    "eager": Broken(("nothing-decoded",), r"made by fromarray.* while examples were listed", {}),
    "unreadable": Broken(("opens",), r"expected: no exception\n.*ValueError: invalid literal", {}),
    "box_outside": Broken(("regions-inside",), r"within 24 x 20 pixels\n.*\(2, 2, 60, 9\)", {}),
    "turned_mask": Broken(("regions-inside",), r"the mask of image 'image-0'", {}),
    "empty_mask": Broken(("regions-inside",), r"an empty one of 'image-0'", {}),
    "grey_mask": Broken(("regions-inside",), r"a mask of bool, \(20, 24\)\n.*float32", {}, typed=True),
    "shuffled": Broken(("loaded-twice",), r"the same examples when it is loaded again", {}),
    "redrawn": Broken(
        ("loaded-twice",), r"the same picture, boxes and mask when it is loaded again", {}
    ),
    "one_generator": Broken(("any-order",), r"in any order and thread", {}),
    "shared_masks": Broken(("mask-of-its-own",), r"one that is shared, of 'image-0'", {}),
}


def dataset(name: str) -> Dataset:
    """The spec of one of the zoo."""
    return Dataset(name=name, at=f"zoo_others:{name}")


# Architectures.


def plain(classes, size):
    steps = nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, classes)
    return nn.Sequential(*steps)


def ten_classes(classes, size):
    return plain(10, size)


def by_itself(classes, size):
    network = plain(classes, size)
    nn.init.normal_(network[0].weight, generator=DRAWN)
    return network


def always_the_same(classes, size):
    network = plain(classes, size)
    for weight in network.parameters():
        nn.init.constant_(weight, 0.1)
    return network


def idle_weights(classes, size):
    network = plain(classes, size)
    network[0].register_parameter("idle", nn.Parameter(torch.randn(3)))
    return network


class OfTheBatch(nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, images):
        return self.network(images - images.mean(0))


def of_the_batch(classes, size):
    return OfTheBatch(plain(classes, size))


ARCHITECTURES = {
    "missing": Broken(("loads",), "has no attribute 'missing'", {}),
    "ten_classes": Broken(("logits",), r"\(3, 4\)\n  found:    \(3, 10\) \(4 classes, 32 pixels\)", {}),
    "by_itself": Broken(("drawn-by-torch",), r"from the same seed\n.*0.weight differs", {}),
    "always_the_same": Broken(("drawn-by-torch",), r"other weights from another seed", {}),
    "idle_weights": Broken(("learns",), r"none for 0.idle", {}),
    "of_the_batch": Broken(("batch-equals-loop",), r"the same logits alone and among others", {}),
}


def architecture(name: str) -> Architecture:
    """The spec of one of the zoo."""
    return Architecture(name=name, at=f"zoo_others:{name}")


# Executors: a worker for each call, in this process.


@contextmanager
def in_turn(address, device, keep=False, tidy=True):
    """A worker for each call, or where it is kept for all; closed at the end where it is tidy."""
    workers = []

    def execute(make, tasks):
        if not (keep and workers):
            workers.append(make())
        for task in tasks:
            yield workers[-1](task)

    try:
        yield execute
    finally:
        for worker in workers if tidy else ():
            worker.close()


@contextmanager
def by_another(change):
    """What comes of `change`, called with the tasks and the function that does them."""
    with in_turn("", "cpu") as execute:
        yield partial(change, execute)


def latest_first(address, device):
    """Healthy: no two tasks at hand are done in order."""

    def change(execute, make, tasks):
        tasks = iter(tasks)
        for task in tasks:
            yield from execute(make, [*(other for other in (next(tasks, None),) if other), task])

    return by_another(change)


def no_context(address, device):
    return lambda make, tasks: iter(())


@contextmanager
def nothing_inside(address, device):
    yield None


def forgets_one(address, device):
    return by_another(lambda execute, make, tasks: list(execute(make, tasks))[1:])


def doubles(address, device):
    return by_another(lambda execute, make, tasks: [*execute(make, tasks)] * 2)


def loses_all(address, device):
    return by_another(lambda execute, make, tasks: (Lost(task, "the machine is gone") for task in tasks))


def one_worker_for_all(address, device):
    return in_turn(address, device, keep=True)


def takes_all_at_once(address, device):
    return by_another(lambda execute, make, tasks: execute(make, list(tasks)))


def swallows_tasks(address, device):
    """What raises ends the rest without a word."""

    def change(execute, make, tasks):
        try:
            yield from execute(make, tasks)
        except Exception:
            return

    return by_another(change)


def loses_what_raises(address, device):
    def change(execute, make, tasks):
        for task in tasks:
            try:
                yield from execute(make, [task])
            except Exception as error:
                yield Lost(task, str(error))

    return by_another(change)


def leaves_workers(address, device):
    return in_turn(address, device, tidy=False)


@contextmanager
def closes_only_at_the_end(address, device):
    workers = []

    def execute(make, tasks):
        workers.append(make())
        yield from map(workers[-1], tasks)

    yield execute
    for worker in workers:
        worker.close()


@contextmanager
def swallows_errors(address, device):
    with in_turn(address, device) as execute:
        try:
            yield execute
        except Exception:
            return


HEALTHY_EXECUTORS = ("in_turn", "latest_first")
EXECUTORS = {
    "missing": Broken(("loads",), "has no attribute 'missing'", {}),
    "no_context": Broken(("opens",), r"a context manager\n  found:    function", {}),
    "nothing_inside": Broken(("opens",), r"from its context\n  found:    NoneType", {}),
    "forgets_one": Broken(("each-once",), r"\(0, 0\), .*\n  found:    \[\(1, 2\)", {}),
    "doubles": Broken(("each-once",), r"each once, .*\n  found: .*\(6, 12\), \(0, 0\)", {}),
    "loses_all": Broken(("each-once",), r"no task lost\n  found:    0 is: the machine is gone", {}),
    "one_worker_for_all": Broken(("another-make",), r"\(6, 18\)\]\n  found:  .*\(6, 12\)\]", {}),
    "takes_all_at_once": Broken(("as-needed",), r"10000 taken at once", {}),
    "swallows_tasks": Broken(("raises",), r"DataError: this task.*\n  found:    no error, and \[", {}),
    "loses_what_raises": Broken(("raises",), r"no error, and .*Lost\(task=3", {}),
    "leaves_workers": Broken(("closed", "closed-after-error"), r"found:    1 left", {}),
    "closes_only_at_the_end": Broken(("closed-after-error",), r"found:    1 left", {}),
    "swallows_errors": Broken(("closed-after-error",), r"none: it is swallowed", {}),
}


def executor(name: str) -> Executor:
    """The spec of one of the zoo."""
    return Executor(name=name, at=f"zoo_others:{name}")
