import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from xaibench_models.cbam import CBAM
from xaibench_models.small_vit import SmallViT, patch_of, scaled_dot_product_attention

from xaibench.api import PluginError, UnknownName
from xaibench.api.batch import Batch
from xaibench.api.capture import Capture
from xaibench.api.resolve import classifier_of
from xaibench.engine.discovery.registry import installed


def network(name, classes=4, size=32):
    torch.manual_seed(0)
    return installed().architecture(name).load()(classes, size).eval()


@pytest.mark.parametrize(
    ("name", "layer", "grid", "exact"),
    [
        ("simple-cnn", "act", (32, 32), False),
        ("small-resnet", "blocks", (4, 4), True),
        ("small-resnet:cbam", "blocks", (4, 4), True),
        ("small-resnet:se", "blocks", (4, 4), True),
        ("small-resnet:eca", "blocks", (4, 4), True),
        ("small-vit", "blocks.1.norm1", (8, 8), False),
    ],
)
def test_every_architecture_is_explained_where_it_should_be(name, layer, grid, exact):
    found = classifier_of(network(name), (32, 32))
    capture = Capture(found, Batch(("a",), torch.rand(1, 3, 32, 32), torch.tensor([0])))
    assert found.target_layer.name == layer
    assert capture.activations.shape[2:] == grid
    assert (found.head is not None) == exact
    assert capture.logits.shape == (1, 4)
    assert (found.attention is not None) == (name == "small-vit")


def test_the_attention_asked_for_is_in_every_block():
    blocks = network("small-resnet:cbam").blocks
    assert all(isinstance(block.attention, CBAM) for block in blocks)
    names = {type(block.attention).__name__ for block in network("small-resnet:timm-cbam").blocks}
    assert names == {"CbamModule"}


def test_an_attention_that_nobody_has_is_an_error_that_says_which_there_are():
    with pytest.raises(PluginError, match=r"no attention layer called 'cbamm' fits: .*ge, gc, coord"):
        network("small-resnet:cbamm")
    with pytest.raises(UnknownName, match=r"architecture 'simple-cnn' is one and takes no ':x'"):
        network("simple-cnn:x")
    with pytest.raises(UnknownName, match=r"did you mean 'small-vit'"):
        network("smal-vit")


def test_attention_is_what_torch_says_it_is():
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(2, 3, n, 5, dtype=torch.double, generator=generator) for n in (4, 7, 7))
    ours = scaled_dot_product_attention(q, k, v)
    torch.testing.assert_close(ours, F.scaled_dot_product_attention(q, k, v), rtol=1e-12, atol=1e-12)


def test_the_captured_attention_makes_what_torch_makes_of_the_same_tokens():
    """V mixed by the captured weights, as every block's `proj` gets it, is torch's attention."""
    vit = network("small-vit").double()
    images = torch.rand(2, 3, 32, 32, dtype=torch.double, generator=torch.Generator().manual_seed(0))
    found = classifier_of(vit, (32, 32))
    projected, mixed, handles = [], [], []
    for block in vit.blocks:
        attn = block.attn
        handles.append(attn.qkv.register_forward_hook(lambda _m, _i, out: projected.append(out)))
        handles.append(attn.proj.register_forward_pre_hook(lambda _m, inputs: mixed.append(inputs[0])))
    with torch.no_grad():
        vit(images)
    for handle in handles:
        handle.remove()
    weights = Capture(found, Batch(("a", "b"), images, torch.tensor([0, 1]))).attentions.weights
    assert len(weights) == 2
    for seen, made, own in zip(projected, mixed, weights, strict=True):
        q, k, v = seen.unflatten(2, (3, 4, -1)).permute(2, 0, 3, 1, 4)
        theirs = F.scaled_dot_product_attention(q, k, v)
        torch.testing.assert_close(own @ v, theirs, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(made, theirs.transpose(1, 2).flatten(2), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("size", "patch"), [(14, 2), (28, 4), (32, 4), (56, 8), (64, 8), (96, 8), (224, 32)]
)
def test_patches_are_the_largest_power_of_two_of_which_seven_fit(size, patch):
    assert patch_of(size) == patch
    assert SmallViT(3, size)(torch.rand(2, 3, size, size)).shape == (2, 3)


def test_a_size_that_cannot_be_cut_is_an_error():
    with pytest.raises(PluginError, match="small-vit cannot cut 33 pixels"):
        SmallViT(3, 33)
