import nets
import pytest
import torch
import toys
from torch import nn

import xaibench
from xaibench.api import PluginError, Undefined, UnknownName, Unsupported
from xaibench.api.batch import Region


@pytest.fixture
def network():
    return nets.gap_network().float()


IMAGES = torch.rand(2, 3, 32, 24, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("explainer", ["cam", "grad-cam", "grad-cam++", "layer-cam", "score-cam"])
def test_any_module_is_explained_without_naming_a_layer(network, explainer):
    maps = xaibench.explain(network, IMAGES, explainer=explainer)
    assert maps.shape == (2, 32, 24)
    assert maps.amin() == 0
    assert maps.amax() == 1


def test_the_predicted_class_is_explained_unless_another_is_given(network):
    predicted = network.eval()(IMAGES).argmax(1)
    same = xaibench.explain(network, IMAGES, targets=predicted)
    other = xaibench.explain(network, IMAGES, targets=[(int(c) + 1) % 4 for c in predicted])
    assert torch.equal(xaibench.explain(network, IMAGES), same)
    assert not torch.equal(same, other)


def test_a_named_layer_is_looked_at(network):
    assert not torch.equal(
        xaibench.explain(network, IMAGES, target_layer="0"), xaibench.explain(network, IMAGES)
    )


def test_a_registered_model_takes_pictures():
    from xaibench_datasets.scenes import picture

    pictures = [picture(i, 0) for i in range(2)]
    maps = xaibench.explain("scenes-cnn", pictures, explainer="layer-cam")
    assert maps.shape == (2, 64, 64)
    assert xaibench.score(maps, pictures, "scenes-cnn", metric="insertion-28").shape == (2,)


def test_scores_are_those_of_a_loop_over_pixels(network):
    maps = xaibench.explain(network, IMAGES)
    found = xaibench.score(maps, IMAGES, network, metric="deletion")
    model = network.eval()
    with torch.no_grad():
        for image, saliency, score in zip(IMAGES, maps, found, strict=True):
            target = model(image[None]).argmax()
            flat, curve = image.clone().view(3, -1), []
            order = saliency.flatten().argsort(descending=True)
            for pixel in [None, *range(0, 768, 4)]:
                if pixel is not None:
                    flat[:, order[pixel : pixel + 4]] = 0
                curve.append(model(flat.view(1, 3, 32, 24)).softmax(1)[0, target])
            literal = torch.trapezoid(torch.stack(curve), dx=1 / 192)
            assert score == pytest.approx(literal.item(), abs=0.02)  # ties fall otherwise


def test_the_pointing_game_needs_to_know_where_the_class_is(network):
    maps = xaibench.explain(network, IMAGES)
    with pytest.raises(Undefined, match="give regions="):
        xaibench.score(maps, IMAGES, network, metric="pointing-game")
    everywhere = Region((24, 32), (0, 0, 24, 32), boxes=((0, 0, 24, 32),))
    found = xaibench.score(maps, IMAGES, network, metric="pointing-game", regions=[everywhere] * 2)
    assert found.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda net: xaibench.explain(net, IMAGES, explainer="gradcam"), UnknownName, "did you mean"),
        (lambda net: xaibench.explain("nothing", IMAGES), UnknownName, "no model called 'nothing'"),
        (lambda net: xaibench.explain(net, IMAGES[0]), PluginError, r"expected \(B, 3, H, W\)"),
        (lambda net: xaibench.explain(net, IMAGES, targets=[1]), PluginError, r"expected \(2,\)"),
        (lambda net: xaibench.explain(net, IMAGES, targets=[1, 9]), PluginError, "classes 0 to 3"),
        (lambda net: xaibench.explain(net, toys.picture(0)), PluginError, "give a tensor"),
        (
            lambda net: xaibench.score(IMAGES[:, 0, :4], IMAGES, net),
            PluginError,
            r"expected \(2, 32, 24\)",
        ),
        (lambda net: xaibench.score(IMAGES[:, 0] / 0, IMAGES, net), PluginError, "NaN or infinity"),
    ],
)
def test_wrong_use_is_answered(network, call, error, message):
    with pytest.raises(error, match=message):
        call(network)


def test_an_explainer_that_does_not_apply_says_why():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 30 * 22, 5))
    with pytest.raises(Unsupported, match="not a linear layer on the mean activations"):
        xaibench.explain(network, IMAGES, explainer="cam")


def test_importing_it_opens_no_torch():
    import subprocess
    import sys

    code = "import sys, xaibench; xaibench.__version__; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
