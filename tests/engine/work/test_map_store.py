"""Kept maps whose file says one thing and holds another are named, not read."""

import json

import pytest
import torch
from safetensors.torch import save_file

from xaibench.api.errors import DataError
from xaibench.engine.work.map_store import MapStore

TRIALS = [["a.png", 3, "1f"], ["b.png", 5, "2f"]]
FACTS = {"key": "k", "odd": {}, "remarks": {}, "ms": 1.0, "forwards": 0, "backwards": 1}


def written(folder, maps, trials=TRIALS, facts=FACTS):
    said = json.dumps({"trials": trials, "explainers": {"grad-cam": facts}})
    save_file(maps, folder / "block.1.safetensors", metadata={"maps": said})


def test_a_sound_file_is_indexed(tmp_path):
    written(tmp_path, {"grad-cam": torch.rand(2, 7, 7)})
    assert set(MapStore.open(tmp_path, "block").places) == {("k", *trial) for trial in TRIALS}


@pytest.mark.parametrize(
    ("maps", "more"),
    [
        ({"grad-cam": torch.rand(1, 7, 7)}, {}),
        ({"layer-cam": torch.rand(2, 7, 7)}, {}),
        ({"grad-cam": torch.rand(2, 7, 7)}, {"facts": {"key": "k"}}),
        ({"grad-cam": torch.rand(2, 7, 7)}, {"facts": 3}),
        ({"grad-cam": torch.rand(2, 7, 7)}, {"trials": [["a.png"], ["b.png"]]}),
    ],
    ids=["too few maps", "another explainer's", "facts are missing", "no facts", "no trials"],
)
def test_a_file_that_holds_something_else_is_named(tmp_path, maps, more):
    written(tmp_path, maps, **more)
    with pytest.raises(DataError, match=r"block\.1\.safetensors cannot be read: .*delete it"):
        MapStore.open(tmp_path, "block")
