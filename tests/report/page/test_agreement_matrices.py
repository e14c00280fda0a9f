"""The colours of agreement."""

import pytest

from xaibench.report.page.agreement_matrices import shade


@pytest.mark.parametrize(
    ("tau", "level"),
    [(1.0, "p5"), (0.2, "p1"), (0.21, "p2"), (-0.2, "n1"), (-1.0, "n5"), (0.0, "z"), (float("nan"), "")],
)
def test_agreement_has_five_shades_to_each_side(tau, level):
    assert shade(tau) == level
