"""A run with attention explainers: rows count their passes, and say where they do not apply."""

import nets
import pytest
import torch
import toys

from xaibench.api import Model
from xaibench.api.batch import Preprocess
from xaibench.api.resolve import classifier_of
from xaibench.engine.discovery.registry import Registry, installed
from xaibench.engine.run.run import run
from xaibench.engine.run.settings import settle
from xaibench.engine.work.observer import Observer
from xaibench.results.rows import SHARED_PASS

NAMES = ("raw-attention", "attention-rollout", "chefer", "legrad", "attention-grad-cam")


def vit():
    """Three classes are asked for; the fourth is nobody's."""
    network = nets.vit_network().float().eval()
    with torch.no_grad():
        network.head.weight.mul_(30)
    return classifier_of(network, (32, 24), Preprocess((32, 24)))


def registry() -> Registry:
    found = toys.registry("activation", metrics=("pointing-game",))
    ours = {name: installed().explainer(name) for name in NAMES}
    models = {"vit": Model(name="vit", at=f"{__name__}:vit", classes="toys")}
    return Registry(
        models={**found.models, **models},
        explainers={**ours, **found.explainers},
        metrics=found.metrics,
        datasets=found.datasets,
        plugins=(),
    )


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    settings = {"width": 5, "gallery": 0, "images_per_shard": 2, "metrics": ("pointing-game",)}
    settings["explainers"] = (*NAMES, "activation")
    config = settle(None, ("vit", "toy"), ("generated",), **settings)
    return run(config, tmp_path_factory.mktemp("run"), observer=Observer(), registry=registry())


def test_they_are_scored_on_a_transformer(results):
    rows = results.scores
    ours = rows[(rows["model"] == "vit") & rows["explainer"].isin(NAMES)]
    assert set(ours["explainer"]) == set(NAMES)
    assert set(ours["status"]) == {"ok", "undefined"}  # undefined: the image without boxes
    assert set(ours["grid"]) == {"4x3"}


def test_on_a_cnn_every_row_says_why_not(results):
    rows = results.rows
    ours = rows[(rows["model"] == "toy") & rows["explainer"].isin(NAMES)]
    assert set(ours["explainer"]) == set(NAMES)
    assert set(ours["status"]) == {"unsupported"}
    assert set(ours["reason"]) == {"it has no attention that can be read"}


def test_their_forward_and_backward_are_the_shared_passs(results):
    """One more forward for a trial and one backward, made before any of them: it is none's own."""
    rows = results.rows[results.rows["model"] == "vit"]
    ours = rows[rows["explainer"].isin(NAMES)].drop_duplicates(["explainer", "image", "target"])
    trials = len(ours.drop_duplicates(["image", "target"]))
    assert ours["explain_forwards"].sum() == 0
    backwards = ours.groupby("explainer")["explain_backwards"].sum()
    assert [name for name in NAMES if backwards[name] > 0] == ["legrad"]  # its other block's
    shared = rows[rows["explainer"] == SHARED_PASS]
    assert shared["explain_forwards"].sum() == len(shared) + trials
    made = shared["explain_backwards"].sum() + backwards.sum()
    everything = results.rows[results.rows["explainer"] == SHARED_PASS]["explain_backwards"].sum()
    assert results.manifest["backwards"] == pytest.approx(everything + backwards.sum())
    assert made > 0
