import torch
from xaibench_explainers.layer_cam import layer_cam
from xaibench_models.moe_vit import MixtureOfExperts, moe_vit

from xaibench.api.batch import Batch
from xaibench.api.capture import Capture


def test_every_token_goes_through_the_one_expert_its_router_prefers():
    torch.manual_seed(0)
    experts = MixtureOfExperts(6, 10, experts=3).double()
    tokens = torch.randn(2, 5, 6, dtype=torch.double)
    found = experts(tokens)
    for b in range(2):
        for n in range(5):
            chances = (experts.router.weight @ tokens[b, n]).softmax(0)
            e = int(chances.argmax())
            hidden = torch.nn.functional.gelu(tokens[b, n] @ experts.rise[e])
            torch.testing.assert_close(found[b, n], chances[e] * (hidden @ experts.fall[e]))


def test_experts_are_in_every_second_block_and_are_all_used():
    network = moe_vit().network
    assert [type(block.mlp).__name__ for block in network.blocks] == ["Mlp", "MixtureOfExperts"] * 2
    chosen = []
    network.blocks[1].mlp.router.register_forward_hook(lambda *seen: chosen.append(seen[2].argmax(-1)))
    network(torch.randn(4, 3, 64, 64))
    assert len(chosen[0].unique()) > 1


def test_it_is_found_where_to_look_and_explained():
    classifier = moe_vit()
    assert classifier.target_layer.name == "blocks.3.norm1"
    assert classifier.target_layer.layout == "tokens"
    images = torch.rand(2, 3, 64, 64)
    maps = layer_cam(Capture(classifier, Batch(("a", "b"), images, torch.tensor([1, 2]))))
    assert maps.shape == (2, 8, 8)
    assert (maps.amax((1, 2)) > maps.amin((1, 2))).all()
    assert classifier.head is None


def test_a_named_layer_is_taken():
    assert moe_vit(target_layer="blocks.1").target_layer.name == "blocks.1"
