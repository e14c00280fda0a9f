"""What every installed explainer must keep, whoever wrote it."""

from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import replace
from functools import cache

import nets
import pytest
import torch

from xaibench.api import Unsupported
from xaibench.api.batch import Batch
from xaibench.api.capture import Capture, SharedPass
from xaibench.api.classifier import Classifier
from xaibench.api.maps import rescale
from xaibench.api.specs import Explainer
from xaibench.engine.plan import why_unsupported
from xaibench.engine.registry import installed
from xaibench.engine.stream import Stream, Task

CHEAPER = {  # fewer forwards of the same method
    "integrated-gradients": {"steps": 6, "most": 12},
    "occlusion": {"window": 1 / 2, "stride": 1 / 4},
    "opti-cam": {"steps": 3},
    "rise": {"count": 20},
    "smooth-grad": {"count": 4},
}
EXPLAINERS = {
    name: replace(spec, settings={**spec.settings, **CHEAPER.get(name, {})})
    for name, spec in installed(strict=True).explainers.items()
}
ANY_CLASS = {
    *("random", "center", "edge", "eigen-cam"),
    *("mean-activation", "random-weights-cam", "almost-ones", "ground-truth"),
    *("raw-attention", "attention-rollout", "spatial-attention"),
}
DRAWS = {"random", "random-weights-cam", "rise", "smooth-grad"}
NOT_MIRRORED = {"random", "rise", "smooth-grad", "almost-ones", "ground-truth"}
SCALES = {"grad-cam++", "score-cam", "score-cam-512", "rise", "occlusion", "conceptor-cam-spatial"}
NETS = [nets.gap, nets.vit, nets.two_layers, nets.cbam]

ON_A_CNN = [  # as `gap` is: one target layer, no attention of its own
    spec
    for spec in EXPLAINERS.values()
    if not {"several-layers", "attention"} & set(spec.needs) and spec.name != "spatial-attention"
]

every_explainer = pytest.mark.parametrize("spec", EXPLAINERS.values(), ids=EXPLAINERS)
on_a_cnn = pytest.mark.parametrize("spec", ON_A_CNN, ids=lambda spec: spec.name)
every_net = pytest.mark.parametrize("make", NETS, ids=lambda make: make.__name__)


def explain(spec: Explainer, capture: Capture) -> torch.Tensor:
    """The maps, whether returned at once or after forwards."""
    said = spec.load()(capture)
    if not isinstance(said, Generator):
        return said
    (answer,) = Stream(capture.classifier.logits, 7).drive([Task(said, capture.batch)])
    if answer.error is not None:
        raise answer.error
    return answer.value


@cache
def applies(name: str, make: Callable[[], Classifier]) -> bool:
    classifier, spec = make(), EXPLAINERS[name]
    if why_unsupported(spec, classifier):
        return False
    batch = Batch(("a",), torch.rand(1, 3, 32, 24, dtype=torch.double), torch.tensor([0]))
    try:
        explain(spec, Capture(classifier, batch))
    except Unsupported:
        return False
    return True


@pytest.fixture
def given(spec, make) -> tuple[Explainer, Classifier]:
    if not applies(spec.name, make):
        pytest.skip("unsupported")
    return spec, make()


def symmetric() -> Classifier:
    """Its convolution does not tell left from right, and has a cell a pixel."""
    classifier = nets.gap()
    convolution = classifier.network[0]
    convolution.stride, convolution.padding = (1, 1), (1, 1)
    convolution.weight.data += convolution.weight.data.flip(3)
    return classifier


def state(network: torch.nn.Module) -> list[tuple]:
    return [
        (
            name,
            module.training,
            getattr(module, "inplace", None),
            *(len(getattr(module, hooks)) for hooks in vars(module) if hooks.endswith("_hooks")),
            *(
                (weight.requires_grad, weight._version, weight.grad)
                for weight in module.parameters(recurse=False)
            ),
        )
        for name, module in network.named_modules()
    ]


@every_explainer
def test_there_is_a_network_that_it_applies_to(spec):
    assert any(applies(spec.name, make) for make in NETS)


@every_net
@every_explainer
def test_one_finite_map_an_image(given, batch):
    spec, classifier = given
    maps = explain(spec, Capture(classifier, batch))
    assert maps.ndim == 3
    assert len(maps) == 3
    assert maps.dtype == torch.double
    assert maps.isfinite().all()
    assert not maps.requires_grad


@every_net
@every_explainer
def test_a_map_belongs_to_its_image_and_not_to_the_batch(given, batch):
    spec, classifier = given
    together = explain(spec, Capture(classifier, batch))
    for rows in ([0], [2, 1]):
        some = explain(spec, Capture(classifier, batch.select(rows)))
        torch.testing.assert_close(some, together[rows])


@every_net
@every_explainer
def test_again_is_the_same_and_another_seed_is_not_where_it_draws(given, batch):
    spec, classifier = given
    first, again = (explain(spec, Capture(classifier, batch)) for _ in range(2))
    assert torch.equal(first, again)
    other = explain(spec, Capture(classifier, replace(batch, seeds=(8, 8, 8))))
    assert torch.equal(first, other) == (spec.name not in DRAWS)


@every_net
@every_explainer
def test_the_network_is_left_as_it_was_and_nothing_shared_is_written_to(given, batch):
    spec, classifier = given
    classifier.network.train()
    next(classifier.network.parameters()).requires_grad_(False)
    before = state(classifier.network)
    capture = Capture(classifier, batch)
    shared = [*capture.layer_activations, *capture.layer_gradients, *capture.shared.outputs]
    shared += [capture.image_gradients, capture.logits, batch.images, batch.targets]
    versions, values = [t._version for t in shared], [t.detach().clone() for t in shared]
    explain(spec, capture)
    assert state(classifier.network) == before
    assert [t._version for t in shared] == versions
    for tensor, value in zip(shared, values, strict=True):
        assert torch.equal(tensor, value)


@every_net
@every_explainer
def test_the_network_is_left_as_it_was_when_it_fails_half_way(given, batch):
    spec, classifier = given
    network = classifier.network.train()
    capture = Capture(classifier, batch)
    calls = []

    def fail(*_):
        calls.append("")
        if len(calls) == 2:
            raise RuntimeError("half way")

    *_, last = network.modules()
    last.register_forward_pre_hook(fail)
    before = state(network)
    with suppress(RuntimeError):  # those that make no forwards of their own do not fail
        explain(spec, capture)
    assert state(network) == before


@every_net
@every_explainer
def test_another_class_has_another_map_where_a_class_is_asked_about(given, batch):
    spec, classifier = given
    other = replace(batch, targets=(batch.targets + 1) % nets.CLASSES)
    maps, others = (rescale(explain(spec, Capture(classifier, b))) for b in (batch, other))
    assert torch.allclose(maps, others) == (spec.name in ANY_CLASS)


@on_a_cnn
def test_a_mirrored_image_has_a_mirrored_map_on_a_symmetric_network(spec, batch):
    """But for what is drawn, and what does not depend on the image."""
    classifier = symmetric()
    mirrored = replace(batch, images=batch.images.flip(3))
    plain, flipped = (explain(spec, Capture(classifier, b)) for b in (batch, mirrored))
    assert torch.allclose(flipped, plain.flip(2)) == (spec.name not in NOT_MIRRORED)


@on_a_cnn
def test_scaling_the_head_changes_the_map_only_where_the_method_says_so(spec, batch):
    if spec.name == "opti-cam":
        pytest.skip("Adam divides by the gradient's size, but for an epsilon")
    maps = []
    for factor in (1, 5):
        classifier = nets.gap()
        classifier.head.weight.data *= factor
        classifier.head.bias.data *= factor
        maps.append(rescale(explain(spec, Capture(classifier, batch))))
    assert torch.allclose(*maps, atol=1e-6) == (spec.name not in SCALES)


@on_a_cnn
def test_trials_that_ask_about_one_image_are_explained_like_images_of_their_own(spec, batch):
    classifier = nets.gap()
    rows = [1, 0, 1]
    trials = replace(batch.select(rows), targets=torch.tensor([2, 0, 1]))
    shared = explain(spec, Capture(classifier, trials, SharedPass(classifier, batch.images), rows))
    torch.testing.assert_close(shared, explain(spec, Capture(classifier, trials)))
