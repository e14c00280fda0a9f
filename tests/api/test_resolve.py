import nets
import pytest
import timm
import torch
import torchvision
from torch import Tensor, nn
from xaibench_explainers.layer_cam import layer_cam

from xaibench.api.batch import Batch
from xaibench.api.capture import Capture
from xaibench.api.classifier import Classifier, TargetLayer
from xaibench.api.errors import Unsupported
from xaibench.api.resolve import classifier_of

CASES = {
    "torchvision resnet18": (lambda: torchvision.models.resnet18(), 64, "layer4", True),
    "torchvision vgg11": (lambda: torchvision.models.vgg11(), 64, "features.19", False),
    "timm resnet18": (lambda: timm.create_model("resnet18"), 64, "layer4", True),
    "timm efficientnet": (lambda: timm.create_model("tf_efficientnet_lite0"), 64, "bn2", True),
    "timm convnext": (lambda: timm.create_model("convnext_atto"), 64, "stages", True),
    "timm densenet": (lambda: timm.create_model("densenet121"), 64, "features", True),
}


@pytest.mark.parametrize(("make", "size", "layer", "head"), CASES.values(), ids=CASES)
def test_the_target_layer_of_a_cnn_is_found(make, size, layer, head):
    torch.manual_seed(0)
    classifier = classifier_of(make().eval(), (size, size))
    assert classifier.target_layer.name == layer
    assert ("linear-head" in classifier.provides) is head


def test_nhwc_layers_are_read_channels_first():
    torch.manual_seed(0)
    network = timm.create_model("swin_tiny_patch4_window7_224", img_size=64, window_size=2).eval()
    classifier = classifier_of(network, (64, 64))
    batch = Batch(("a",), torch.rand(1, 3, 64, 64), torch.tensor([5]))
    capture = Capture(classifier, batch)
    assert capture.activations.shape == (1, 768, 2, 2)
    assert classifier.head is not None  # norm, mean, linear: CAM is exact
    expected = classifier.head(capture.activations.mean((2, 3)))
    torch.testing.assert_close(expected, capture.logits)


def test_a_class_token_vit_is_explained_before_its_last_attention():
    classifier = classifier_of(nets.vit_network().eval(), (32, 24))
    assert classifier.target_layer.name == "blocks.1.norm1"
    assert classifier.head is None


def test_an_average_pooled_vit_is_explained_at_its_end():
    pooled = classifier_of(nets.vit_network("avg", fc_norm=False).eval(), (32, 24))
    assert pooled.target_layer.name == "norm"
    assert pooled.head is not None
    normed = classifier_of(nets.vit_network("avg", fc_norm=True).eval(), (32, 24))
    assert normed.head is normed.network.head
    assert normed.head_norm is normed.network.fc_norm  # between pool and head
    assert pooled.head_norm is None


def test_the_target_layer_of_torchvisions_vit_is_found():
    torch.manual_seed(0)
    network = torchvision.models.VisionTransformer(32, 8, 2, 3, 12, 24, num_classes=4)
    nn.init.normal_(network.heads.head.weight)  # torchvision's begins at zero, and so do its gradients
    classifier = classifier_of(network.eval(), (32, 32))
    assert classifier.target_layer.name == "encoder.layers.encoder_layer_1.ln_1"


def test_registers_are_no_part_of_the_grid(batch):
    network = nets.vit_network(reg_tokens=3).eval()
    capture = Capture(classifier_of(network, (32, 24)), batch)
    assert capture.activations.shape == (3, 12, 4, 3)


def test_patches_reach_no_logit_past_the_last_attention(batch):
    found = nets.vit()
    late = TargetLayer("blocks.1", found.network.blocks[1], found.target_layer.to_grid)
    assert Capture(Classifier(found.network, (late,)), batch).gradients.abs().max() == 0
    assert Capture(found, batch).gradients.abs().max() > 0


class Brightness(nn.Module):
    """Patches' brightness, in a ViT's layout with a class token, summed into two logits."""

    def __init__(self) -> None:
        super().__init__()
        self.num_prefix_tokens, self.embed_dim = 1, 1
        self.patch_embed = nn.Module()
        self.patch_embed.grid_size = (4, 3)
        self.pool = nn.AvgPool2d(8)
        self.tokens = nn.ReLU()
        self.head = nn.Linear(1, 2)

    def forward(self, images: Tensor) -> Tensor:
        patches = self.pool(images).mean(1).flatten(1)[..., None]
        tokens = self.tokens(torch.cat([torch.full_like(patches[:, :1], 9.0), patches], 1))
        return self.head(tokens[:, 1:].square().sum(1))


@pytest.mark.parametrize("cell", [(0, 0), (0, 2), (3, 0), (1, 2), (2, 1)])
def test_a_bright_patch_is_found_at_its_cell_of_an_upright_grid(cell):
    torch.manual_seed(0)
    network = Brightness()
    nn.init.ones_(network.head.weight)
    classifier = classifier_of(network, (32, 24))
    images = torch.rand(1, 3, 32, 24) * 0.1
    y, x = cell
    images[:, :, 8 * y : 8 * y + 8, 8 * x : 8 * x + 8] += 0.8
    capture = Capture(classifier, Batch(("a",), images, torch.tensor([0])))
    (found,) = layer_cam(capture)
    assert divmod(int(found.argmax()), 3) == cell


def test_a_named_layer_is_taken():
    network = torchvision.models.resnet18().eval()
    assert classifier_of(network, (64, 64), target_layer="layer3").target_layer.name == "layer3"
    assert classifier_of(network, (64, 64), target_layer=network.layer2).target_layer.name == "layer2"


def test_where_nothing_is_found_the_error_says_what_to_do():
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 5))
    with pytest.raises(Unsupported, match=r"no target layer found in Sequential.*target_layer="):
        classifier_of(network, (8, 8))
    with pytest.raises(Unsupported, match=r"at 'layer9'"):
        classifier_of(torchvision.models.resnet18().eval(), (64, 64), target_layer="layer9")


@pytest.mark.parametrize(
    ("layer", "wrong"),
    [
        ("layr3", r"at 'layr3': no such module gave back a tensor; target_layer='layer3' has"),
        ("fc", r"at 'fc': its output, \(1, 1000\), has no spatial grid that the logits depend on"),
        ("layer1.0.relu", r"at 'layer1.0.relu': it runs 2 times in a forward pass"),
    ],
)
def test_what_is_wrong_with_a_layer_asked_for_is_said(layer, wrong):
    network = torchvision.models.resnet18().eval()
    with pytest.raises(Unsupported, match=wrong):
        classifier_of(network, (64, 64), target_layer=layer)


class Silent(nn.Module):
    """Its one hidden unit is silent on fine noise, and speaks on coarse."""

    def __init__(self) -> None:
        super().__init__()
        self.features, self.fc = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(1, 2)

    def forward(self, images: Tensor) -> Tensor:
        patches = nn.functional.avg_pool2d(self.features(images), 8).flatten(1)
        return self.fc((patches.abs().amax(1, keepdim=True) - 1.5).relu())


def test_a_network_that_is_silent_on_fine_noise_is_asked_with_coarser_grains():
    torch.manual_seed(0)
    assert classifier_of(Silent(), (64, 64)).target_layer.name == "features"


class Rectified(nn.Module):
    """What its last convolution gave is rectified in place, outside any module, as DenseNet does."""

    def __init__(self) -> None:
        super().__init__()
        self.features, self.fc = nn.Conv2d(3, 8, 3, stride=4), nn.Linear(8, 5)

    def forward(self, images: Tensor) -> Tensor:
        return self.fc(self.features(images).relu_().mean((2, 3)))


def test_a_head_is_exact_on_the_activations_that_explainers_see():
    torch.manual_seed(0)
    assert classifier_of(Rectified(), (32, 24)).head is None
