"""What maps took: time, passes, memory."""

import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from xaibench.api.batch import Batch
from xaibench.api.explaining import Explaining
from xaibench.api.scored import Scored
from xaibench.api.types import Maps

MIB = 2**20


def milliseconds(maps: Maps, batch: Batch, explainer: Explaining) -> Scored:
    """Milliseconds that the explainer took for a map, the shared pass not included."""
    return known(maps, explainer.cost.ms)


def forwards(maps: Maps, batch: Batch, explainer: Explaining) -> Scored:
    """Images that the explainer forwarded for a map, the shared pass not included."""
    return known(maps, explainer.cost.forwards)


def backwards(maps: Maps, batch: Batch, explainer: Explaining) -> Scored:
    """Backward passes that the explainer made for a map, the shared ones not included."""
    return known(maps, explainer.cost.backwards)


def known(maps: Maps, cost: float) -> Scored:
    """The same for every map of the batch, since it was measured as a mean; undefined where NaN."""
    unknown = "the maps were given, and what they took is not known"
    undefined = dict.fromkeys(range(len(maps)), unknown) if cost != cost else {}
    return Scored(maps.new_full((len(maps),), cost), undefined=undefined)


def peak_memory(maps: Maps, batch: Batch, explainer: Explaining) -> Scored:
    """Most MiB alive at once, above what was there, while an image is explained again, alone.

    Each image on its own, so that no number depends on a batch. The forward that is shared in a run,
    its graph and the backward are in it; so are the method's own passes, of the run's width. On CUDA by
    the allocator, on a CPU by the tensors that operations return: without what an operation needs
    within, and the same each time.
    """
    peaks = []
    for row in range(len(batch.ids)):
        image = batch.select([row])
        if batch.images.is_cuda:
            peaks.append(peak_on_cuda(partial(explainer.maps, image), batch.images.device))
        else:
            with Allocations() as allocations:
                explainer.maps(image)
            peaks.append(allocations.peak)
    return Scored(maps.new_tensor(peaks) / MIB)


def peak_on_cuda(work: Callable[[], object], device: torch.device) -> int:
    """Bytes that CUDA's allocator had given out at most, above what it had before."""
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    work()
    return torch.cuda.max_memory_allocated(device) - before


class Allocations(TorchDispatchMode):
    """While it is entered, the bytes of tensors made since then that are alive, and their peak.

    Attributes:
        alive: bytes, now.
        peak: bytes, at most.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # PyTorch's
        self.alive = 0
        self.peak = 0
        self._seen: dict[int, int] = {}

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call `func`; count the storages that its outputs have and its inputs have not."""
        settings = dict(kwargs or {})
        given = {storage_of(tensor)._cdata for tensor in tensors_in((args, settings))}
        output = func(*args, **settings)
        for tensor in tensors_in(output):
            storage = storage_of(tensor)
            if storage._cdata not in given and storage._cdata not in self._seen:
                self._count(storage)
        return output

    def _count(self, storage: torch.UntypedStorage) -> None:
        where, size = storage._cdata, storage.nbytes()

        def forget() -> None:
            self.alive -= self._seen.pop(where)

        self._seen[where] = size
        weakref.finalize(storage, forget)
        self.alive += size
        self.peak = max(self.peak, self.alive)


def tensors_in(values: object) -> list[Tensor]:
    """Every tensor in nested lists, tuples and dicts."""
    return [leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor)]


def storage_of(tensor: Tensor) -> torch.UntypedStorage:
    """The memory that a tensor, and every view of it, lies in."""
    return tensor.untyped_storage()
