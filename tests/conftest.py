import pytest
import torch
from nets import NETS

from xaibench.api.batch import Batch, Region
from xaibench.api.capture import Capture
from xaibench.api.classifier import Classifier

torch.set_num_threads(1)  # the networks are tiny: a second thread costs more than it brings


def pytest_collection_modifyitems(items):
    """What is marked `gpu` is skipped where there is none."""
    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(pytest.mark.skip(reason="no CUDA device"))


@pytest.fixture(params=NETS, ids=lambda make: make.__name__)
def classifier(request) -> Classifier:
    return request.param()


@pytest.fixture
def batch() -> Batch:
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(3, 3, 32, 24, dtype=torch.double, generator=generator)
    region = Region((24, 32), (0, 0, 24, 32), boxes=((4, 8, 12, 16),))
    return Batch(("a", "b", "c"), images, torch.tensor([0, 3, 2]), (7, 7, 7), (region,) * 3)


@pytest.fixture
def capture(classifier, batch) -> Capture:
    return Capture(classifier, batch)
