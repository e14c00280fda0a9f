import nets
import torch
import toys
from torch import nn

from xaibench.api.classifier import Classifier
from xaibench.engine.prepared import TOLERANCE, prepare_network
from xaibench.engine.registry import installed


def test_the_prepared_copy_has_the_same_probabilities():
    classifier = installed().model("scenes-cnn").load()()
    before = classifier.weights_sha()
    prepared = prepare_network(classifier, torch.zeros(1, 3, 64, 64))
    assert prepared.folded == 6
    assert not prepared.why_plain
    images = torch.randn(5, 3, 64, 64)
    plain = classifier.logits(images).softmax(1)
    assert (prepared.forward(images).softmax(1) - plain).abs().max() < TOLERANCE
    assert classifier.weights_sha() == before


def test_timms_norms_keep_their_activation():
    import timm

    torch.manual_seed(0)
    network = timm.create_model("tf_efficientnet_lite0", num_classes=10).eval()
    classifier = Classifier(network, nets.gap().target_layers)
    prepared = prepare_network(classifier, torch.zeros(1, 3, 64, 64))
    assert prepared.folded == 49
    assert not prepared.why_plain


def test_a_convolution_that_is_read_twice_is_not_trusted():
    """Folding changes what the second reader sees, so the plain network is used, and says why."""

    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.convolution, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
            self.norm.running_mean.copy_(torch.arange(4.0))

        def forward(self, images):
            features = self.convolution(images)
            return (self.norm(features) + 5 * features).mean((2, 3))

    torch.manual_seed(0)
    classifier = Classifier(Twice().eval(), nets.gap().target_layers)
    prepared = prepare_network(classifier, torch.zeros(1, 3, 16, 16))
    assert "probabilities differ by" in prepared.why_plain
    images = torch.randn(2, 3, 16, 16)
    assert torch.equal(prepared.forward(images), classifier.logits(images))


def test_a_network_that_cannot_be_copied_runs_plain():
    classifier = toys.model()
    classifier.network.register_forward_hook(lambda *_: None)
    classifier.network.lock = (n for n in "ab")  # generators cannot be copied
    prepared = prepare_network(classifier, torch.zeros(1, 3, 16, 16))
    assert "TypeError" in prepared.why_plain
    assert prepared.forward(torch.zeros(1, 3, 16, 16)).shape == (1, 3)
