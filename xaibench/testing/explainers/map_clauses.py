"""Clauses of explainers' contract: what their maps must be, and on what they may depend."""

from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from xaibench.api.capture import Capture, SharedPass
from xaibench.api.maps import rescale, upsample
from xaibench.api.specs import EXPLAINER_TRAITS, NEEDS, Explainer, Modifier
from xaibench.testing.common.comparisons import apart, close, same
from xaibench.testing.common.contract import Broken, Contract, NotAsked, known_words
from xaibench.testing.common.side_effects import global_draws
from xaibench.testing.common.tiny_networks import CLASSES, EVEN, SIZE
from xaibench.testing.explainers.explainer_trial import ExplainerTrial, explained
from xaibench.testing.explainers.one_place_network import PLACE, one_place, one_place_batch

MAPS = Contract()


@runtime_checkable  # so that checkers of types at run time can ask
class SpecOfMaps(Protocol):
    """An explainer or a modifier under trial."""

    @property
    def spec(self) -> Explainer | Modifier:
        """What it says of itself."""


@MAPS.clause(
    "facts",
    "what a spec says is what users read and what a run is planned by.",
    essential=True,
    whole=True,
)
def facts(subject: SpecOfMaps) -> None:
    """Known words, a version, a name that can be typed."""
    spec = subject.spec
    known_words("`needs`", spec.needs, NEEDS)
    known_words("`traits`", spec.traits, EXPLAINER_TRAITS)
    if spec.version < 1:
        raise Broken("a version of 1 or more", str(spec.version))
    if not spec.name or set(spec.name) & set(" ,:=@/\\"):
        raise Broken("a name without spaces and any of , : = @ / \\", repr(spec.name))


@MAPS.clause("applies", "what applies to no network cannot be tried.", essential=True, once=True)
def applies(trial: ExplainerTrial) -> None:
    """There is a network to try it on; without one there is no trial."""


@MAPS.clause(
    "shape", "the engine upsamples one (h, w) map an image, the same way for all.", essential=True
)
def shape(trial: ExplainerTrial) -> None:
    """A tensor (B, h, w)."""
    count = len(trial.batch.ids)
    maps: Any = trial.usual
    if not isinstance(maps, Tensor):
        raise Broken(f"a tensor ({count}, h, w)", type(maps).__name__)
    if maps.ndim != 3 or len(maps) != count or not maps.numel():
        raise Broken(f"({count}, h, w), one map an image", str(tuple(maps.shape)))


@MAPS.clause("dtype", "a narrower type within loses digits, and a graph that is kept, memory.")
def dtype(trial: ExplainerTrial) -> None:
    """That of the images, and off the graph."""
    maps, expected = trial.usual, trial.batch.images.dtype
    if maps.dtype != expected:
        raise Broken(f"{expected}, as images and activations are", str(maps.dtype))
    if maps.requires_grad:
        raise Broken("detached maps", "maps that require gradients")


@MAPS.clause("finite", "an image whose map holds NaN or infinity is a failed row.", essential=True)
def finite(trial: ExplainerTrial) -> None:
    """No NaN, no infinity."""
    wrong = ~trial.usual.isfinite().flatten(1).all(1)
    if wrong.any():
        raise Broken("finite numbers", f"NaN or infinity in {int(wrong.sum())} of {len(wrong)} maps")


@MAPS.clause(
    "deterministic", "a result that another call does not give again cannot be checked.", essential=True
)
def deterministic(trial: ExplainerTrial) -> None:
    """Twice the same, whatever the process's own generators say."""
    maps = []
    for seed in (1, 2):
        with global_draws(seed):
            maps.append(trial.maps())
    if not same(*maps):
        raise Broken(
            "the same map for the same seeds; draw from `capture.batch.generators(...)`",
            f"{apart(*maps)}, with other global seeds",
        )


@MAPS.clause(
    "batch-equals-loop", "a run cuts images into batches by memory; no score may depend on the cut."
)
def batch_equals_loop(trial: ExplainerTrial) -> None:
    """Each image alone has the map it has among others."""
    for row, name in enumerate(trial.batch.ids):
        alone = trial.maps(trial.batch.select([row]))
        if not close(alone, trial.usual[[row]]):
            raise Broken(
                "the same map for an image alone and among others",
                f"image {name!r}: {apart(alone, trial.usual[[row]])}",
            )


@MAPS.clause("batch-order", "results resumed or sharded meet images in another order.")
def batch_order(trial: ExplainerTrial) -> None:
    """Images in another order have the same maps, in that order."""
    rows = list(reversed(range(len(trial.batch.ids))))
    other = trial.maps(trial.batch.select(rows))
    if not close(other, trial.usual[rows]):
        raise Broken("the same maps in another order", apart(other, trial.usual[rows]))


@MAPS.clause("classes-of-one-image", "an image with several annotated classes is forwarded once.")
def classes_of_one_image(trial: ExplainerTrial) -> None:
    """Trials that share an image's forward are explained like each of them alone."""
    rows = [1, 0, 1]
    trials = replace(trial.batch.select(rows), targets=torch.tensor([2, 0, 1]))
    classifier = trial.make()
    capture = Capture(classifier, trials, SharedPass(classifier, trial.batch.images), rows)
    shared = explained(trial.spec, capture)
    own = torch.cat([trial.maps(trials.select([row])) for row in range(len(rows))])
    if not close(shared, own):
        raise Broken("the same maps of classes of one image as of each class alone", apart(shared, own))


@MAPS.clause("seed", "what is random must follow the run's seed, and be declared.")
def seed(trial: ExplainerTrial) -> None:
    """Another seed changes the map where the trait "seeded" says so, and nowhere else."""
    other = trial.maps(replace(trial.batch, seeds=tuple(s + 100 for s in trial.batch.seeds)))
    draws = "seeded" in trial.spec.traits
    if same(other, trial.usual) and draws:
        raise Broken('other maps for other seeds, as the trait "seeded" says', "the same maps")
    if not same(other, trial.usual) and not draws:
        raise Broken(
            'the trait "seeded", or the same maps for other seeds',
            f"other maps and no such trait: {apart(other, trial.usual)}",
        )


@MAPS.clause("target", "a map that does not depend on the class does not explain that class.")
def target(trial: ExplainerTrial) -> None:
    """Another class has another map but where the trait "any-class" says that it has not."""
    other_class = replace(trial.batch, targets=(trial.batch.targets + 1) % CLASSES)
    equal = close(rescale(trial.maps(other_class)), rescale(trial.usual))
    any_class = "any-class" in trial.spec.traits
    if equal and not any_class:
        raise Broken(
            'another map for another class, or the trait "any-class"', "the same maps for all classes"
        )
    if any_class and not equal:
        raise Broken('the same maps for all classes, as the trait "any-class" says', "other maps")


@MAPS.clause("mirror", "a map that does not turn with its image lies elsewhere than what it shows.")
def mirror(trial: ExplainerTrial) -> None:
    """On a network that does not tell left from right, a mirrored image has a mirrored map."""
    even = next((make for make in EVEN if not replace(trial, make=make).applies()), None)
    if even is None:
        raise NotAsked("it applies to no network that does not tell left from right")
    given = replace(trial, make=even)
    mirrored = given.maps(replace(trial.batch, images=trial.batch.images.flip(3)))
    expected = given.usual.flip(2)
    turns = close(mirrored, expected)
    exempt = "unmirrored" in trial.spec.traits
    if not turns and not exempt:
        raise Broken(
            'a mirrored map for a mirrored image, or the trait "unmirrored"',
            f"{apart(mirrored, expected)} on {even.__name__!r}, which does not tell left from right",
        )
    if exempt and turns:
        raise Broken('maps that do not turn, as the trait "unmirrored" says', "mirrored maps")


@MAPS.clause("upright", "a map turned over points at what the network never looked at.")
def upright(trial: ExplainerTrial) -> None:
    """Where a network looks at one place alone, the map is higher there than where that is mirrored."""
    if "any-class" in trial.spec.traits:
        raise NotAsked('its map is the same for all classes, as the trait "any-class" says')
    given = replace(trial, make=one_place, batch=one_place_batch())
    if given.applies():
        raise NotAsked(f"it does not apply to a network that looks at one place: {given.applies()}")
    maps = rescale(upsample(given.usual.detach(), SIZE)).mean(0)
    here = float(maps[PLACE].mean())
    turned = (("mirrored", (1,)), ("upside down", (0,)), ("turned by half", (0, 1)))
    elsewhere, how = max((float(maps.flip(axes)[PLACE].mean()), name) for name, axes in turned)
    if not here > elsewhere:
        raise Broken(
            "a higher map where alone the network looks than anywhere that is turned over",
            f"{here:.3g} there and {elsewhere:.3g} where it is {how}",
        )
