import pytest
import torch
from xaibench_metrics.description.map_complexity import map_complexity


def test_complexity_is_the_share_of_the_map(batch):
    maps = torch.zeros(3, 10, 10)
    maps[0, :5] = 1
    maps[1, 0, 0] = 1
    assert map_complexity(maps, batch).tolist() == pytest.approx([0.5, 0.01, 0])
