import pytest
import tables

from xaibench.api import ConfigError
from xaibench.engine.discovery.registry import installed
from xaibench.engine.plan.plan import plan
from xaibench.engine.tools.reproduce import config_of, reservations, try_model
from xaibench.results.published import protocol_called, protocols
from xaibench.results.results import Results


@pytest.mark.parametrize("name", [name for name, one in protocols().items() if not one.lacks])
def test_a_protocol_is_a_run_that_can_be_planned(name, tmp_path):
    protocol = protocols()[name]
    config = config_of(protocol, f"{protocol.data}:{tmp_path}")
    todo = plan(config, installed())
    assert [block.model.name for block in todo.blocks] == [protocol.model]
    asked = {explainer.name for explainer in todo.explainers if not explainer.control}
    assert asked == {name for name in protocol.explainers.values() if name != "center"}
    assert [metric.name for metric in todo.metrics] == [metric.ours for metric in protocol.metrics]


def test_masks_classes_and_sample_are_the_protocols(tmp_path):
    data = f"imagenet:{tmp_path}"
    notebook = config_of(protocol_called("rise-notebook-resnet50"), data)
    assert notebook.settings == {"rise": {"count": 8000}}
    assert notebook.classes == tuple(str(k) for k in range(200))
    drawn = config_of(protocol_called("score-cam-vgg16"), data, seed=3)
    assert (drawn.sample, drawn.limit, drawn.seed) == (2000, None, 3)
    assert config_of(protocol_called("score-cam-vgg16"), data, limit=5).limit == 5


def test_what_we_lack_and_other_data_are_refused():
    with pytest.raises(ConfigError, match="cannot be run: we lack TorchRay's VGG-16"):
        config_of(protocol_called("torchray-voc07-vgg16"), "voc:x")
    with pytest.raises(ConfigError, match="is of imagenet; found --data photos"):
        config_of(protocol_called("rise-resnet50"), "photos")


def test_weights_that_are_not_there_say_how_to_give_them():
    message = r"--models torchvision:resnet50=FILE; --models torchvision:resnet50=random"
    with pytest.raises(ConfigError, match=message):
        try_model("torchvision:resnet50=no-such-file.pth", installed())


def test_a_stand_in_is_called_one_before_all_else(tmp_path):
    protocol = protocol_called("rise-resnet50")
    results = Results.load(tables.folder(tmp_path / "r", tables.rows([[0.5], [0.25]])))
    config = config_of(protocol, "imagenet:some/where", "torchvision:resnet50=random")
    said = reservations(protocol, config, results)
    assert said[0].startswith("STAND-IN: the weights are random")
    assert "2 images of where, not 50,000" in said
    assert any("have not been checked" in text for text in said)
    assert any("intervals of fewer than 10 images may hold the mean less often" in text for text in said)
    other = reservations(protocol, config_of(protocol, "imagenet:x", "timm:resnet50"), results)
    assert other[0] == f"the model is timm:resnet50, and the protocol's {protocol.model}"


@pytest.mark.parametrize(("images", "few"), [(9, True), (10, False)])
def test_intervals_of_few_images_are_called_too_narrow(tmp_path, images, few):
    results = Results.load(tables.folder(tmp_path / "r", tables.rows([[0.5]] * images)))
    protocol = protocol_called("rise-resnet50")
    said = reservations(protocol, config_of(protocol, "imagenet:x"), results)
    assert any("fewer than 10 images" in text for text in said) == few
