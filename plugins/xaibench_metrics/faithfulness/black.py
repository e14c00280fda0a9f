"""Black, for metrics that take pixels away before images are normalised."""

import torch

from xaibench.api.batch import Batch
from xaibench.api.errors import Unsupported
from xaibench.api.types import Images


def black(batch: Batch) -> Images:
    """A black image for each of the batch's, normalised as they are.

    Raises:
        Unsupported: nothing is known of how the images were made.
    """
    if batch.preprocess is None:
        raise Unsupported("how the model normalises colours is not known, and so not what black is")
    return batch.preprocess.normalised(torch.zeros_like(batch.images))
