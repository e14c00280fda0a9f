import nets
import pytest
import torch
from xaibench_explainers.spatial_attention import spatial_attention

from xaibench.api import Unsupported
from xaibench.api.batch import Batch
from xaibench.api.capture import Capture
from xaibench.api.resolve import classifier_of
from xaibench.engine.discovery.registry import installed
from xaibench.engine.network.prepare import prepared_copy


@pytest.fixture(params=["cbam", "timm-cbam"])
def capture(request):
    torch.manual_seed(0)
    network = installed().architecture(f"small-resnet:{request.param}").load()(4, 32).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_var.uniform_(0.5, 2)
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    return Capture(classifier_of(network, (32, 32)), Batch(("a", "b"), images, torch.tensor([0, 1])))


def test_it_is_what_the_last_block_multiplies_its_cells_by(capture):
    block = capture.classifier.network.blocks[-1]
    spatial, inputs, outputs = block.attention.spatial, [], []
    spatial.register_forward_pre_hook(lambda _m, i: inputs.append(i[0]))
    spatial.register_forward_hook(lambda _m, _i, o: outputs.append(o))
    maps = spatial_attention(capture)
    assert maps.shape == (2, 4, 4)
    torch.testing.assert_close(outputs[0], inputs[0] * maps[:, None])


def test_its_forward_is_counted_and_its_hook_gone(capture):
    spatial_attention(capture)
    assert capture.shared.forwards == 2
    modules = capture.classifier.network.modules()
    assert not any(module._forward_hooks for module in modules)


def test_the_prepared_copy_has_the_same_map(capture):
    prepared, changes = prepared_copy(capture.classifier, capture.batch.images[:1])
    assert changes.folded
    torch.testing.assert_close(
        spatial_attention(Capture(prepared, capture.batch)),
        spatial_attention(capture),
        atol=1e-5,
        rtol=0,
    )


def test_a_network_without_is_unsupported(batch):
    with pytest.raises(Unsupported, match="no spatial attention as CBAM has"):
        spatial_attention(Capture(nets.gap(), batch))
