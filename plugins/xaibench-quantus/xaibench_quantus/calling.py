"""Quantus called on one image at a time. Hedstroem et al. 2023, arXiv:2202.06861.

Of several images at once, some of its metrics would mix them: it divides all their maps by the one
largest value, and draws for all from one sequence.
"""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor, nn

from xaibench.api.batch import Batch
from xaibench.api.explaining import Explaining
from xaibench.api.maps import flat
from xaibench.api.scored import Scored
from xaibench.api.types import Images, Logits, Maps, Masks
from xaibench_quantus.choices import SOFTMAX, TOLD

with warnings.catch_warnings(action="ignore"):  # what it imports is its own affair
    import quantus
    from quantus.helpers.model.pytorch_model import PyTorchModel

Setting = bool | int | float | str
FLAT = "the map is flat"
TOO_SMALL = "the target class covers half of no pixel of the network's input"


def by_quantus(
    kind: str,
    maps: Maps,
    batch: Batch,
    settings: Mapping[str, Setting] | None = None,
    masks: Masks | None = None,
    explainer: Explaining | None = None,
) -> Scored:
    """What Quantus says of each map. Its curves are kept; the score of one is the area below it.

    A score is undefined where the map is flat or its mask empty, and where Quantus gives NaN or
    infinity: the reason is what it warned of. What it raises is raised.

    Args:
        kind: the name of its class.
        maps: (B, H, W).
        batch: the trials.
        settings: of the class, beside those in `TOLD`.
        masks: (B, H, W), where the target class is, for those that ask.
        explainer: lends the model, for those that ask.
    """
    why = dict.fromkeys(flat(maps).nonzero().flatten().tolist(), FLAT)
    if masks is not None:
        why |= dict.fromkeys((~masks.flatten(1).any(1)).nonzero().flatten().tolist(), TOO_SMALL)
    values: dict[int, NDArray[np.float64]] = {}
    for place, generator in enumerate(batch.generators(kind)):
        if place in why:
            continue
        mask = None if masks is None else masks[place]
        one = batch.select([place])
        with drawing_from(generator), heard() as messages:
            values[place] = of_one(kind, maps[place], one, settings or {}, mask, explainer)
        if not np.isfinite(values[place]).all():
            why[place] = ": ".join([f"Quantus's {kind} gives no number", *messages])
            del values[place]
    return together(values, why, maps)


def of_one(
    kind: str,
    saliency: Tensor,
    batch: Batch,
    settings: Mapping[str, Setting],
    mask: Tensor | None,
    explainer: Explaining | None,
) -> NDArray[np.float64]:
    """A number, or a curve (n,), of one image; the arrays are its own, as Quantus writes to some."""
    metric = getattr(quantus, kind)(
        **TOLD[kind],
        **settings,
        return_aggregate=False,
        disable_warnings=True,
        display_progressbar=False,
    )
    softmax = {"softmax": SOFTMAX[kind]} if kind in SOFTMAX else {}
    with lent(explainer, batch) if explainer else nullcontext() as model:
        values: Any = metric(
            model=model,
            x_batch=batch.images.cpu().numpy().copy(),
            y_batch=batch.targets.cpu().numpy(),
            a_batch=saliency.double().cpu().numpy()[None, None].copy(),
            s_batch=None if mask is None else mask.cpu().numpy()[None, None],
            channel_first=True,
            **softmax,
        )
    return np.asarray(values[0], dtype=np.float64)


def together(values: Mapping[int, NDArray[np.float64]], why: Mapping[int, str], maps: Maps) -> Scored:
    """Numbers as scores; curves too, with their areas."""
    scores = torch.full((len(maps),), torch.nan, dtype=torch.double)
    longest = max((value.size for value in values.values() if value.ndim), default=0)
    curves = torch.full((len(maps), longest), torch.nan, dtype=torch.double)
    for place, value in values.items():
        tensor = torch.from_numpy(value)
        if tensor.ndim:
            curves[place, : len(tensor)] = tensor
        # Quantus's own area, of neighbours 1 apart, is by numpy.trapz, which NumPy 2.4 has no more.
        scores[place] = torch.trapezoid(tensor, dx=1) if tensor.ndim else tensor
    return Scored(scores.to(maps.device), curves.to(maps.device) if longest else None, why)


class Lent(nn.Module):
    """The model as Quantus wants one: a module in evaluation mode, from float32 images to logits.

    It has no modules below it: Quantus looks among them for a softmax, and might take one of the
    network's own for the last step.
    """

    def __init__(self, explainer: Explaining, batch: Batch) -> None:
        super().__init__()
        self.explainer: Explaining | None = explainer
        self.like = batch.images[:0]
        self.eval()

    def forward(self, images: Images) -> Logits:
        """By the explainer, which counts the forward as the metric's."""
        assert self.explainer is not None
        return self.explainer.logits(images.to(self.like))


@contextmanager
def lent(explainer: Explaining, batch: Batch) -> Iterator[Lent]:
    """The model, for as long as Quantus is asked; nothing holds it afterwards."""
    model = Lent(explainer, batch)
    try:
        yield model
    finally:
        model.explainer = None
        # Quantus remembers every model that it was ever given in a cache without a limit.
        PyTorchModel._get_last_softmax_layer_index.cache_clear()


@contextmanager
def heard() -> Iterator[list[str]]:
    """What is warned of inside, each once: no warning is shown, and none lost where it explains."""
    messages: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield messages
    messages += dict.fromkeys(str(warning.message) for warning in caught)


@contextmanager
def drawing_from(generator: Generator) -> Iterator[None]:
    """NumPy's own generator, which Quantus draws from, seeded by `generator`; as before afterwards."""
    before = np.random.get_state()
    try:
        np.random.seed(int(torch.randint(2**31, (1,), generator=generator)))
        yield
    finally:
        np.random.set_state(before)
