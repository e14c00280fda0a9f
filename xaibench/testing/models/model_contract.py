"""The contract of models."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from xaibench.api.batch import Batch
from xaibench.api.capture import Capture, SharedPass
from xaibench.api.classifier import Classifier
from xaibench.api.resolve import normalised
from xaibench.api.specs import Model
from xaibench.engine.discovery.registry import installed
from xaibench.testing.common.comparisons import apart, close, same
from xaibench.testing.common.contract import IS_LOADED, Broken, Contract, NotAsked, Verdict, check
from xaibench.testing.common.side_effects import difference, global_draws, hooks_of, state_of
from xaibench.testing.models.grid_orientation import SURE, Planted, margin, plant

COUNT = 3  # images in a batch
DRAWS = 16  # of images of noise that patches are planted in, at most
AT_LEAST = 2

OF_MODELS = Contract()


@dataclass(frozen=True)
class ModelSubject:
    """A model under trial; of a family, one member of it."""

    spec: Model

    @property
    def title(self) -> str:
        """For people."""
        return f"model {self.spec.name!r}"

    def load(self) -> None:
        """Import it, and load its weights."""
        if self.spec.family and "name" not in self.spec.settings:
            raise NotAsked(
                f"it is a family; name a member, check_model('{self.spec.name}:NAME') or "
                f"`--xaibench-member {self.spec.name}:NAME`"
            )
        self._trial  # noqa: B018 (may raise)

    @cached_property
    def _trial(self) -> "ModelTrial":
        return ModelTrial(self.spec, self.spec.load()())

    def trials(self) -> "Iterator[tuple[str, ModelTrial]]":
        """One: the model as it was loaded."""
        yield "", self._trial


@dataclass(frozen=True)
class ModelTrial:
    """A model as it was loaded, and noise for it."""

    spec: Model
    loaded: Any

    @property
    def classifier(self) -> Classifier:
        """What the function returned."""
        classifier: Classifier = self.loaded
        return classifier

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of its images."""
        assert self.classifier.preprocess is not None
        return self.classifier.preprocess.size

    @cached_property
    def images(self) -> Tensor:
        """(3, 3, H, W) of normal noise, always the same."""
        weight = next(self.classifier.network.parameters(), torch.empty(0))
        noise = torch.randn(COUNT, 3, *self.size, generator=torch.Generator().manual_seed(0))
        return noise.to(weight.device, weight.dtype)

    @cached_property
    def logits(self) -> Tensor:
        """Of the noise, made once."""
        return self.classifier.logits(self.images)

    def capture(self) -> Capture:
        """Of the noise, each image for its likeliest class."""
        names = tuple(map(str, range(COUNT)))
        return Capture(self.classifier, Batch(names, self.images, self.logits.argmax(1)))


def check_model(model: Model | str, *, only: Collection[str] = ()) -> tuple[Verdict, ...]:
    """Try the whole contract on a model.

    Args:
        model: a spec; or a name as on the command line: of a family "family:member".
        only: the clauses to try; all where not given.

    Returns:
        What came of each clause: kept, or not asked with the reason.

    Raises:
        ContractBroken: says of each broken clause what was expected, what came, and why it matters.
        UnknownName: there is no such model, or no such clause.
    """
    if isinstance(model, str):
        registry = installed()
        family = registry.models.get(model)
        model = family if family is not None and family.family else registry.model(model)
    return check(ModelSubject(model), CONTRACT, only)


@OF_MODELS.clause(
    "classifier", "the engine knows of a network what its Classifier says.", essential=True
)
def classifier(trial: ModelTrial) -> None:
    """The function returns a Classifier with a target layer."""
    if not isinstance(trial.loaded, Classifier):
        raise Broken("a Classifier", type(trial.loaded).__name__)
    if not trial.classifier.target_layers:
        raise Broken("one target layer or more", "none")


@OF_MODELS.clause(
    "preprocess", "pictures are made into what the network was trained on.", essential=True
)
def preprocess(trial: ModelTrial) -> None:
    """There is one, and it can be carried out."""
    wanted = trial.classifier.preprocess
    if wanted is None:
        raise Broken("`preprocess`: how the network wants its images", "None")
    if len(wanted.size) != 2 or min(wanted.size) < 1:
        raise Broken("a size of (height, width) in pixels", str(wanted.size))
    if len(wanted.mean) != 3 or len(wanted.std) != 3 or min(wanted.std) <= 0:
        raise Broken(
            "a mean and a positive std of each of three colours", f"{wanted.mean}, {wanted.std}"
        )
    if wanted.crop is not None and not 0 < wanted.crop <= 1:
        raise Broken("a crop in (0, 1], or None", str(wanted.crop))
    image = wanted.image(Image.new("RGB", (40, 30)))
    if tuple(image.shape) != (3, *wanted.size):
        raise Broken(f"a picture made into {(3, *wanted.size)}", str(tuple(image.shape)))


@OF_MODELS.clause("logits", "explainers and metrics read one row of logits an image.", essential=True)
def logits(trial: ModelTrial) -> None:
    """(B, C) of finite floats, before softmax, a name for each class or none."""
    class_scores: Any = trial.logits
    if not isinstance(class_scores, Tensor):
        raise Broken(f"a tensor ({COUNT}, C)", type(class_scores).__name__)
    if class_scores.ndim != 2 or len(class_scores) != COUNT or class_scores.shape[1] < 2:
        raise Broken(f"({COUNT}, C), a number a class", str(tuple(class_scores.shape)))
    if not class_scores.is_floating_point() or not class_scores.isfinite().all():
        raise Broken("finite floats", f"{class_scores.dtype}, NaN or infinity among them")
    names = trial.classifier.class_names
    if names and len(names) != class_scores.shape[1]:
        raise Broken(f"no class names or {class_scores.shape[1]}, as many as logits", str(len(names)))
    sums = class_scores.double().sum(1)
    if bool((class_scores >= 0).all()) and torch.allclose(sums, torch.ones_like(sums), atol=1e-3):
        raise Broken("logits", "probabilities: no row has a negative number, and each adds up to 1")


@OF_MODELS.clause("deterministic", "dropout that stays on makes every score a draw.", essential=True)
def deterministic(trial: ModelTrial) -> None:
    """Twice the same, whatever the process's own generators say."""
    both = []
    for seed in (1, 2):
        with global_draws(seed):
            both.append(trial.classifier.logits(trial.images))
    if not same(*both):
        raise Broken("the same logits of the same images", apart(*both))


@OF_MODELS.clause(
    "state-restored", "nothing of the network may change while it is used.", essential=True
)
def state_restored(trial: ModelTrial) -> None:
    """Logits, a shared pass and a backward leave weights, buffers, modes and hooks as they were."""
    network = trial.classifier.network
    before, hooks = state_of(network), hooks_of(network)
    trial.classifier.logits(trial.images)
    shared = SharedPass(trial.classifier, trial.images)
    shared.logit_gradients(range(COUNT), shared.logits.argmax(1))
    changed = difference(before, state_of(network))
    left = [hook for hook in hooks_of(network) if hook not in hooks]
    if changed or left:
        raise Broken("the network as it was", changed or f"left behind: {', '.join(left)}")


@OF_MODELS.clause("batch-equals-loop", "a score must not depend on which images share a pass.")
def batch_equals_loop(trial: ModelTrial) -> None:
    """Each image alone has the logits it has among others."""
    for row in range(COUNT):
        alone = trial.classifier.logits(trial.images[[row]])
        if not close(alone, trial.logits[[row]]):
            raise Broken(
                "the same logits for an image alone and among others", apart(alone, trial.logits[[row]])
            )


@OF_MODELS.clause("loaded-twice", "rows name a model by its weights; the next process loads it again.")
def loaded_twice(trial: ModelTrial) -> None:
    """Loading it again gives the same weights, whatever the process's own generators say."""
    with global_draws(2):
        again = trial.spec.load()()
    if again.weights_sha() != trial.classifier.weights_sha():
        raise Broken("the same weights when it is loaded again", "other weights; seed what is drawn")


@OF_MODELS.clause(
    "target-layer", "what is explained is what this layer makes of the image.", essential=True
)
def target_layer(trial: ModelTrial) -> None:
    """Each is the network's module of that name, gives a grid, and the logits depend on it."""
    for layer in trial.classifier.target_layers:
        try:
            module = trial.classifier.network.get_submodule(layer.name)
        except AttributeError:
            raise Broken("the path of a module of the network", repr(layer.name)) from None
        if module is not layer.module:
            raise Broken("the module at its path", f"another one is at {layer.name!r}")
    capture = trial.capture()
    grids = zip(capture.layer_activations, capture.layer_gradients, strict=True)
    for layer, (grid, gradient) in zip(trial.classifier.target_layers, grids, strict=True):
        if grid.ndim != 4 or len(grid) != COUNT or grid.shape[2] * grid.shape[3] < 2:
            raise Broken(f"a grid ({COUNT}, K, h, w)", f"{tuple(grid.shape)} at {layer.name!r}")
        if not gradient.any():
            raise Broken("logits that depend on the layer", f"gradients of 0 at {layer.name!r}")


@OF_MODELS.clause(
    "head", "CAM reads a class's weights off the head; a wrong one explains another class."
)
def head(trial: ModelTrial) -> None:
    """Where there is one, it makes the logits of the mean activations."""
    model = trial.classifier
    if model.head is None:
        raise NotAsked("it names no head")
    capture = trial.capture()
    pooled = capture.activations.mean((2, 3))
    if model.head_norm is not None:
        pooled = normalised(model.head_norm, pooled)
    predicted = model.head(pooled).detach()
    if not torch.allclose(predicted, capture.logits, rtol=1e-2, atol=1e-3 * float(capture.logits.std())):
        raise Broken("logits == head(activations.mean((2, 3)))", apart(predicted, capture.logits))


@OF_MODELS.clause(
    "upright", "a grid that lies otherwise than its image puts every map in a wrong place."
)
def upright(trial: ModelTrial) -> None:
    """Patches planted in the image are seen at their own cells rather than in any other reading."""
    planted: list[Planted] = []
    for draw in range(DRAWS):
        planted.append(plant(trial.classifier, trial.size, draw))
        least = margin(planted, trial.classifier.target_layer.layout)
        if len(planted) >= AT_LEAST and abs(least.errors) >= SURE:
            break
    if least.errors < SURE:
        name = trial.classifier.target_layer.name
        raise Broken(
            f"patches seen at their own cells, {SURE:g} standard errors surer than in any other reading",
            f"{least.other!r} at {name!r}: {least.errors:+.1f} standard errors",
        )


CONTRACT = (IS_LOADED, *OF_MODELS)
