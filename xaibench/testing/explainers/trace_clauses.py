"""Clauses of explainers' contract: what they leave behind, and what they cost."""

from contextlib import suppress

from torch import Tensor, nn

from xaibench.api.capture import Capture
from xaibench.engine.evaluate.stream import Stream
from xaibench.testing.common.comparisons import apart, close
from xaibench.testing.common.contract import Broken, Contract, NotAsked
from xaibench.testing.common.side_effects import Unwritten, check_memory, difference, hooks_of, state_of
from xaibench.testing.explainers.explainer_trial import WIDTH, ExplainerTrial, explained

TRACES = Contract()


def touched(network: nn.Module) -> nn.Module:
    """A network of which some modules are in training and some weights are fixed."""
    network.train()
    list(network.modules())[-1].eval()
    next(network.parameters()).requires_grad_(False)
    return network


@TRACES.clause("state-restored", "the next explainer gets the same network; it must be the same.")
def state_restored(trial: ExplainerTrial) -> None:
    """Modes, `requires_grad`, parameters, buffers and gradients are as before."""
    classifier = trial.make()
    before = state_of(touched(classifier.network))
    trial.maps(classifier=classifier)
    changed = difference(before, state_of(classifier.network))
    if changed:
        raise Broken("the network as it was", changed)


@TRACES.clause("hooks-gone", "a hook left behind acts, and costs, in every later pass.")
def hooks_gone(trial: ExplainerTrial) -> None:
    """No hook outlives the call."""
    classifier = trial.make()
    before = hooks_of(classifier.network)
    trial.maps(classifier=classifier)
    left = [hook for hook in hooks_of(classifier.network) if hook not in before]
    if left:
        raise Broken("no hook left", ", ".join(left))


@TRACES.clause("restored-after-raising", "one image that fails must not spoil those after it.")
def restored_after_raising(trial: ExplainerTrial) -> None:
    """Hooks and state are as before also where the network raises half-way."""
    for when in (1, 2):
        classifier = trial.make()
        network = touched(classifier.network)
        capture = Capture(classifier, trial.batch)
        calls: list[None] = []

        def fail(*_: object, calls: list[None] = calls, when: int = when) -> None:
            calls.append(None)
            if len(calls) == when:
                raise RuntimeError("half-way")

        handle = list(network.modules())[-1].register_forward_pre_hook(fail)
        state, hooks = state_of(network), hooks_of(network)
        with suppress(Exception):  # those that make no forwards of their own do not fail
            explained(trial.spec, capture)
        changed = difference(state, state_of(network))
        left = [hook for hook in hooks_of(network) if hook not in hooks]
        handle.remove()
        if changed or left:
            raise Broken(
                f"all as it was after forward {when} raised",
                changed or f"left behind: {', '.join(left)}",
            )


@TRACES.clause("shared-unwritten", "every explainer of a run looks at the same tensors.")
def shared_unwritten(trial: ExplainerTrial) -> None:
    """Nothing that the capture shares is written to."""
    capture = Capture(trial.make(), trial.batch)
    layers = range(len(capture.classifier.target_layers))
    shared = {
        **{f"capture.layer_activations[{i}]": capture.layer_activations[i] for i in layers},
        **{f"capture.layer_gradients[{i}]": capture.layer_gradients[i] for i in layers},
        **{f"capture.shared.outputs[{i}]": capture.shared.outputs[i] for i in layers},
        "capture.logits": capture.logits,
        "capture.image_gradients": capture.image_gradients,
        "capture.batch.images": trial.batch.images,
        "capture.batch.targets": trial.batch.targets,
    }
    unwritten = Unwritten(shared)
    explained(trial.spec, capture)
    unwritten.check()


@TRACES.clause("passes-counted", "tables and plans tell what a method costs in images forwarded.")
def passes_counted(trial: ExplainerTrial) -> None:
    """What the network saw is what the capture and the stream counted."""
    capture = Capture(trial.make(), trial.batch)
    stream = Stream(capture.classifier.logits, WIDTH)
    forwarded: list[int] = []
    network = capture.classifier.network
    handle = network.register_forward_hook(
        lambda _, inputs, logits: forwarded.append(images_in(inputs, logits))
    )
    try:
        explained(trial.spec, capture, stream)
    finally:
        handle.remove()
    counted = capture.shared.forwards + stream.forwards
    if sum(forwarded) != counted:
        raise Broken(
            "every image forwarded is counted: ask with `yield Variants(...)`, by the capture's own "
            "methods, or within `capture.network()`",
            f"{sum(forwarded)} images forwarded and {counted} counted",
        )


def images_in(inputs: tuple[object, ...], logits: Tensor) -> int:
    """How many images a forward was of: who hooks the network may hand on more than a tensor of them."""
    return len(inputs[0]) if isinstance(inputs[0], Tensor) else len(logits)


@TRACES.clause("pass-width", "passes are as wide as memory allows, which differs between machines.")
def pass_width(trial: ExplainerTrial) -> None:
    """Variants built one at a time, or many, come to the same map and the same number of forwards."""
    maps, counts = [], []
    for width in (1, 64):
        capture = Capture(trial.make(), trial.batch)
        stream = Stream(capture.classifier.logits, width, ahead=0)
        maps.append(explained(trial.spec, capture, stream))
        counts.append(stream.forwards)
    if not any(counts):
        raise NotAsked("it asks for no forwards")
    if not close(*maps):
        raise Broken("the same map in passes of 1 and of 64", apart(*maps))
    if counts[0] != counts[1]:
        raise Broken("as many forwards in passes of 1 as of 64", f"{counts[0]} and {counts[1]}")


@TRACES.clause("memory", "a run of a million images must not need more than one of ten.", once=True)
def memory(trial: ExplainerTrial) -> None:
    """Nothing is kept from call to call."""
    classifier = trial.make()
    check_memory(lambda: trial.maps(classifier=classifier))
