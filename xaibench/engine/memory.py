"""Whether it was memory that ran out: on a GPU and on a CPU torch says it in other words."""

import torch

SAID = ("out of memory", "can't allocate memory", "cannot allocate memory", "failed to allocate")


def out_of_memory(error: BaseException) -> bool:
    """Whether fewer images at once may mend it."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(said in str(error).lower() for said in SAID)
