"""Modes of a run: how the stream's network is computed. Each is said in every row, and part of its cell.

Captures and the algebra of maps stay in float32 and uncompiled, whatever the mode: what a mode changes
are the forwards that metrics and perturbing explainers ask the stream for.
"""

import copy
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import FunctionType
from typing import Any

import torch
from torch import nn

from xaibench.api.classifier import Classifier
from xaibench.api.types import Images, Logits
from xaibench.engine.network.prepare import TOLERANCE, PreparedNetwork, noise_like
from xaibench.engine.network.wiring import EachOperation

BF16 = "bf16"
INDUCTOR = "torch.compile: inductor, frozen"
TRACED = "torch.jit: traced, optimised for inference"
Compile = Callable[[nn.Module, Images], Callable[[Images], Logits]]


def in_bf16(network: PreparedNetwork, image: Images) -> PreparedNetwork:
    """The stream's forwards under autocast to bfloat16, their logits in float32.

    Autocast rather than converted weights: norms and softmax stay in float32, and so do the constants
    that a network makes for itself, which a converted copy would meet with inputs of another type.

    Args:
        network: float32.
        image: (1, 3, H, W), on the network's device.
    """
    plain, kind = network.forward, image.device.type

    def forward(images: Images) -> Logits:
        with torch.autocast(kind, torch.bfloat16):
            logits = plain(images)
        return logits.float()

    return replace(network, forward=forward, mode_error=difference(forward, plain, noise_like(image)))


def compiled(network: PreparedNetwork, classifier: Classifier, image: Images) -> PreparedNetwork:
    """The stream's forwards by a compiled copy, by the first way that works and agrees.

    It is tried against the plain network, with one image and with several, as passes come. Where no
    way works, or probabilities differ by more than rounding, `network` is returned and says why.

    Args:
        network: the prepared copy.
        classifier: the plain network, for comparison.
        image: (1, 3, H, W), on the network's device.
    """
    failures = []
    noise = noise_like(image)
    for by, compile_ in WAYS.items():
        try:
            module = copy.deepcopy(network.classifier.network).eval().requires_grad_(False)
            forward = quietly(compile_(module, noise))
            error = max(difference(forward, classifier.logits, part) for part in (noise, noise[:1]))
        except Exception as failure:  # whatever a compiler raises
            failures.append(f"{by}: {type(failure).__name__}: {first_line(failure)}")
            continue
        if error <= TOLERANCE:
            return replace(network, forward=forward, mode_error=error, compiled_by=by)
        failures.append(f"{by}: probabilities differ by {error:.1e}")
    return replace(network, why_uncompiled="; ".join(failures))


def by_inductor(module: nn.Module, images: Images) -> Callable[[Images], Logits]:
    """One graph for any number of images of their size, the weights constants in it.

    Only their number is a symbol: with height and width symbols too, as `dynamic=True` and a second size
    in one process have it, a network of fifty convolutions is simplified for half an hour. And the
    function that is compiled is this network's alone, down to its code: the compiler keeps its graphs by
    code, eight at most, and would take the graph of an earlier network of the same class.
    """
    whole = with_code_of_its_own(lambda images: module(images))
    graph: Callable[[Images], Logits] = torch.compile(whole, fullgraph=True)

    def forward(images: Images) -> Logits:
        torch._dynamo.maybe_mark_dynamic(images, 0)
        torch._dynamo.mark_static(images, [1, 2, 3])
        # Not among `options`: those reach the compiler alone, and weights are found to be constants by
        # what traces the network for it, which is any forward of a size that is new.
        with torch._inductor.config.patch(freezing=True):
            return graph(images)

    return forward


def with_code_of_its_own(function: Callable[[Images], Logits]) -> Callable[[Images], Logits]:
    """The same, but for being another to whom keeps things by code."""
    assert isinstance(function, FunctionType)
    code = function.__code__.replace()
    return FunctionType(code, function.__globals__, closure=function.__closure__)


def by_tracing(module: nn.Module, images: Images) -> Callable[[Images], Logits]:
    """Its operations as they ran on `images`.

    Raises:
        RuntimeError: what it does depends on the images' values, or it cannot be traced.
    """
    with torch.no_grad(), EachOperation(refuse_values):
        module(images)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is said to go; where it has gone, nothing compiles
        traced = torch.jit.trace(module, images, check_trace=False)
        optimised: Callable[[Images], Logits] = torch.jit.optimize_for_inference(
            torch.jit.freeze(traced)
        )
    return optimised


def refuse_values(operation: torch._ops.OpOverload, _given: list[Any]) -> None:
    """Raise for what gives a number for a tensor: a branch on it would be traced as it went once.

    Raises:
        RuntimeError: the operation reads values.
    """
    if torch.Tag.data_dependent_output in operation.tags:
        raise RuntimeError("what it does depends on the values of its images")


# torch.jit's fusion by oneDNN is none of them. Of 75 networks of timm (torch 2.14.1) it took one's
# process down (twins_svt_small), gave two wrong answers (dla34, hrnet_w18_small), and slowed eight.
WAYS: dict[str, Compile] = {INDUCTOR: by_inductor, TRACED: by_tracing}


def quietly(forward: Callable[[Images], Logits]) -> Callable[[Images], Logits]:
    """Without a graph, nor the compilers' warnings: they compile when they first see a shape."""

    def silent(images: Images) -> Logits:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            return forward(images)

    return silent


def difference(
    forward: Callable[[Images], Logits], plain: Callable[[Images], Logits], images: Images
) -> float:
    """The largest of two networks' probabilities; infinite where one is no number."""
    largest = float((forward(images).softmax(1) - plain(images).softmax(1)).abs().max())
    return largest if largest == largest else float("inf")


def first_line(error: Exception) -> str:
    """Of what an error says: compilers say pages."""
    return next(iter(str(error).strip().splitlines()), "")


@contextmanager
def deterministic(on: bool) -> Iterator[None]:
    """Inside, operations give the same bits each time, or raise; outside, all is as it was."""
    if not on:
        yield
        return
    before = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    cudnn = torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark
    workspace = os.environ.get("CUBLAS_WORKSPACE_CONFIG")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS has no other way to be told
    torch.use_deterministic_algorithms(True, warn_only=False)
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warn_only)
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = cudnn
        if workspace is None:
            os.environ.pop("CUBLAS_WORKSPACE_CONFIG", None)
