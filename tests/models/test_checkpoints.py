import pytest
import torch
from malice import Malice
from safetensors.torch import save_file
from xaibench_models.checkpoints import load_checkpoint
from xaibench_models.timm_family import timm_model

from xaibench.api import PluginError
from xaibench.engine.discovery.registry import installed

MEMBER = "test_resnet"


@pytest.fixture
def weights():
    torch.manual_seed(5)
    network = timm_model(MEMBER, weights="random").network
    return {
        name: torch.rand_like(t) if t.is_floating_point() else t
        for name, t in network.state_dict().items()
    }


def test_weights_of_a_safetensors_file_are_loaded_by_name(tmp_path, weights):
    path = tmp_path / "mine.safetensors"
    save_file(weights, path)
    spec = installed().model(f"timm:{MEMBER}@layer3={path}")
    classifier = spec.load()()
    assert spec.name == f"timm:{MEMBER}@layer3=mine.safetensors"  # where it lies is no part of it
    assert classifier.target_layer.name == "layer3"
    for name, tensor in classifier.network.state_dict().items():
        assert torch.equal(tensor, weights[name])


@pytest.mark.parametrize("wrap", [lambda w: w, lambda w: {"state_dict": w, "epoch": 3}])
def test_weights_of_a_torch_file_are_loaded_also_out_of_a_training_script(tmp_path, weights, wrap):
    path = tmp_path / "mine.pt"
    torch.save(wrap({f"module.{name}": tensor for name, tensor in weights.items()}), path)
    classifier = timm_model(MEMBER, weights=str(path))
    assert torch.equal(classifier.network.fc.weight, weights["fc.weight"])


def test_the_first_tensor_that_does_not_fit_is_named(tmp_path, weights):
    path = tmp_path / "mine.safetensors"
    head = weights.pop("fc.weight")
    save_file({**weights, "classifier.weight": head}, path)
    with pytest.raises(
        PluginError, match=r"'fc.weight' is missing \(1.*'classifier.weight' is unexpected"
    ):
        timm_model(MEMBER, weights=str(path))
    save_file({**weights, "fc.weight": head[:7].contiguous()}, path)
    with pytest.raises(PluginError, match=r"'fc.weight' is \(7, 96\); expected \(1000, 96\)"):
        timm_model(MEMBER, weights=str(path))


def test_a_file_that_is_not_there_or_holds_no_tensors_is_an_error(tmp_path):
    with pytest.raises(PluginError, match=r"no weights at .*nowhere.pt; expected 'random' or a file"):
        timm_model(MEMBER, weights=str(tmp_path / "nowhere.pt"))
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(PluginError, match=r"list.pt holds no tensors by name"):
        load_checkpoint(torch.nn.Linear(1, 1), str(tmp_path / "list.pt"))


def test_a_file_runs_no_code(tmp_path):
    left = tmp_path / "left"
    torch.save({"fc.weight": Malice(left)}, tmp_path / "bad.pt")
    with pytest.raises(PluginError, match=r"bad.pt cannot be read: UnpicklingError"):
        timm_model(MEMBER, weights=str(tmp_path / "bad.pt"))
    assert not left.exists()


def test_random_weights_are_the_same_every_time_and_leave_random_numbers_alone():
    torch.manual_seed(1)
    before = timm_model(MEMBER, weights="random").weights_sha()
    after = torch.rand(1)
    torch.manual_seed(1)
    assert torch.equal(after, torch.rand(1))
    assert timm_model(MEMBER, weights="random").weights_sha() == before


def test_a_head_that_begins_at_zero_is_drawn_where_weights_are_random():
    classifier = timm_model("resmlp_12_224", weights="random")
    assert classifier.network.head.weight.any()
