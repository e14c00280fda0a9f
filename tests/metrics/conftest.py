import nets
import pytest

from xaibench.api.specs import Explainer
from xaibench.engine.discovery.registry import installed
from xaibench.engine.evaluate.explaining import Again

TOYS = {"constant": Explainer(name="constant", at="toys:constant")}


@pytest.fixture
def explaining():
    """An installed explainer, or a toy, on a tiny network."""

    def make(name="grad-cam", classifier=None):
        spec = TOYS.get(name) or installed().explainer(name)
        return Again(spec, classifier or nets.gap(), 5)

    return make
