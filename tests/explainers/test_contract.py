"""Every installed explainer keeps the contract, and what is particular to ours."""

from dataclasses import replace
from functools import cache

import nets
import pytest

from xaibench.api.capture import Capture
from xaibench.api.maps import rescale
from xaibench.engine.discovery.registry import installed
from xaibench.testing.common.comparisons import close
from xaibench.testing.common.contract import BROKEN, judge
from xaibench.testing.common.tiny_networks import NETWORKS
from xaibench.testing.explainers.explainer_contract import CONTRACT, ExplainerSubject
from xaibench.testing.explainers.explainer_trial import explained
from xaibench.testing.modifiers.modifier_contract import CONTRACT as OF_MODIFIERS
from xaibench.testing.modifiers.modifier_contract import ModifierSubject

CHEAPER = {  # fewer forwards of the same method
    "integrated-gradients": {"steps": 6, "most": 12},
    "occlusion": {"window": 1 / 2, "stride": 1 / 4},
    "opti-cam": {"steps": 3},
    "rise": {"count": 20},
    "smooth-grad": {"count": 4},
}
EXPLAINERS = {
    name: replace(spec, settings={**spec.settings, **CHEAPER.get(name, {})})
    for name, spec in installed(strict=True).explainers.items()
}
MODIFIERS = installed(strict=True).modifiers
SCALES = {"grad-cam++", "score-cam", "score-cam-512", "rise", "occlusion", "conceptor-cam-spatial"}
ON_A_CNN = [  # as `gap` is: one target layer, no attention of its own
    spec
    for spec in EXPLAINERS.values()
    if not {"several-layers", "attention"} & set(spec.needs) and spec.name != "spatial-attention"
]


@cache
def explainer(name: str) -> ExplainerSubject:
    return ExplainerSubject(EXPLAINERS[name], (*NETWORKS, nets.cbam))


@cache
def modifier(name: str) -> ModifierSubject:
    return ModifierSubject(MODIFIERS[name])


@pytest.mark.parametrize("clause", CONTRACT, ids=lambda clause: clause.name)
@pytest.mark.parametrize("name", EXPLAINERS)
def test_an_explainer_keeps_its_contract(name, clause):
    verdict = judge(explainer(name), clause)
    assert verdict.status != BROKEN, verdict


@pytest.mark.parametrize("clause", OF_MODIFIERS, ids=lambda clause: clause.name)
@pytest.mark.parametrize("name", MODIFIERS)
def test_a_modifier_keeps_its_contract(name, clause):
    verdict = judge(modifier(name), clause)
    assert verdict.status != BROKEN, verdict


@pytest.mark.parametrize("spec", ON_A_CNN, ids=lambda spec: spec.name)
def test_scaling_the_head_changes_the_map_only_where_the_method_says_so(spec, batch):
    if spec.name == "opti-cam":
        pytest.skip("Adam divides by the gradient's size, but for an epsilon")
    maps = []
    for factor in (1, 5):
        classifier = nets.gap()
        classifier.head.weight.data *= factor
        classifier.head.bias.data *= factor
        maps.append(rescale(explained(spec, Capture(classifier, batch))))
    assert close(*maps) == (spec.name not in SCALES)
