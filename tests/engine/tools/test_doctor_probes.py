"""What other processes find out."""

import json
import subprocess
import sys

import pytest
from xaibench_models import stored

from xaibench.api import UnknownName
from xaibench.engine.tools.doctor_probes import ProbeProcess, lines_of, weight_facts_of


def probe(code: str) -> ProbeProcess:
    pipe = subprocess.PIPE
    return ProbeProcess(
        subprocess.Popen([sys.executable, "-c", code], stdout=pipe, stderr=pipe, text=True)
    )


def test_what_a_probe_found_before_it_hung_is_kept():
    code = "import time; print('{\"name\": 1}', flush=True); time.sleep(60)"
    assert probe(code).results(0.5) == ([{"name": 1}], "no answer within 0.5 s")


def test_a_probe_that_dies_says_how():
    assert probe("import os, signal; os.kill(os.getpid(), signal.SIGILL)").results(20) == (
        [],
        "ended by SIGILL",
    )
    assert probe("raise ImportError('no torch')").results(20) == ([], "ImportError: no torch")


def test_lines_that_are_no_objects_are_passed_over():
    assert lines_of('hello\n{"a": 1}\n3\n{broken\n') == [{"a": 1}]


def test_weights_are_looked_for_where_their_plugin_says(tmp_path):
    file = tmp_path / "weights.pth"
    file.write_bytes(b"")
    names = ["scenes-cnn", f"timm:resnet18={file}", "timm:resnet18=nowhere.pth", "timm:resnet18=random"]
    names += [f"checkpoint:{tmp_path}", "moe-vit", "no-such-model"]
    found = {one["name"]: one for one in weight_facts_of(names)}
    assert json.loads(json.dumps(found)) == found
    assert [found[name]["there"] for name in names] == [True, True, False, True, True, True, False]
    assert found["scenes-cnn"]["path"].endswith("scenes_cnn.safetensors")
    assert "no model called 'no-such-model'" in found["no-such-model"]["why"]


def test_the_hubs_weights_are_looked_for_in_its_cache(tmp_path, monkeypatch):
    import torch

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "torch"))
    assert "models--timm--resnet18" in str(stored.timm_weights("resnet18"))
    found = stored.torchvision_weights("resnet50")
    assert found.parent == tmp_path / "torch" / "checkpoints"
    assert found.name.startswith("resnet50-")
    with pytest.raises(UnknownName):
        stored.torchvision_weights("resnet51")
    with pytest.raises(UnknownName):
        stored.timm_weights("resnet51")
