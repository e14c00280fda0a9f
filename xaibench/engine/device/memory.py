"""Whether it was memory that ran out: on a GPU and on a CPU torch says it in other words."""

import torch

from xaibench.api.errors import XaibenchError

SAID = ("out of memory", "can't allocate memory", "cannot allocate memory", "failed to allocate")


class OutOfMemory(XaibenchError, MemoryError):  # noqa: N818 (reads as the sentence it is)
    """A method ran out of memory with several images at once; fewer may do."""


def out_of_memory(error: BaseException) -> bool:
    """Whether fewer images at once may mend it."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(phrase in str(error).lower() for phrase in SAID)
