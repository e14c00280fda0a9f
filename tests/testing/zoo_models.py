"""Models broken on purpose, each in one way: a small network on 16 x 12 pixels."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn
from zoo_explainers import Broken

from xaibench.api import Model
from xaibench.api.batch import Preprocess
from xaibench.api.classifier import Classifier, TargetLayer

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
    return Model(name=name, at=f"zoo_models:{name}")
