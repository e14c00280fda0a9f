import nets
import pytest

from xaibench.api.capture import Capture


@pytest.fixture
def gap_capture(batch) -> Capture:
    return Capture(nets.gap(), batch)
