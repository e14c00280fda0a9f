"""Modes of a run: what they change, what they must not, and that every row says which it was."""

import json

import pandas as pd
import pytest
import torch
import toys
from torch import nn
from toy_runs import toy_run

from xaibench.api.errors import ConfigError
from xaibench.engine.network import modes
from xaibench.engine.network.modes import INDUCTOR, TRACED, compiled, deterministic, in_bf16
from xaibench.engine.network.prepare import TOLERANCE, prepare_network
from xaibench.engine.plan.config import make_config
from xaibench.engine.plan.resume_rules import refuse_to_follow
from xaibench.engine.work.observer import Observer

GRID = [{"models": ["toy"], "data": ["generated"]}]
BLANK = torch.zeros(1, 3, toys.SIDE, toys.SIDE)


@pytest.fixture
def traced(monkeypatch):
    """Only the way that takes no minutes."""
    monkeypatch.setattr(modes, "WAYS", {TRACED: modes.by_tracing})


def refuse(module, images):
    raise RuntimeError("no compiler on this machine\nand a page more")


def wrong(module, images):
    return lambda images: module(images) + torch.linspace(0, 1, toys.CLASSES)


def test_a_compiled_copy_agrees_whatever_the_number_of_images(traced):
    classifier = toys.model()
    found = compiled(prepare_network(classifier, BLANK), classifier, BLANK)
    assert found.compiled_by == TRACED
    for count in (1, 3, 7):
        images = torch.randn(count, 3, toys.SIDE, toys.SIDE)
        ours, plain = found.forward(images).softmax(1), classifier.logits(images).softmax(1)
        assert (ours - plain).abs().max() < TOLERANCE


@pytest.mark.slow
def test_inductor_agrees_whatever_the_number_of_images(monkeypatch):
    monkeypatch.setattr(modes, "WAYS", {INDUCTOR: modes.by_inductor})
    classifier = toys.model()
    found = compiled(prepare_network(classifier, BLANK), classifier, BLANK)
    assert found.compiled_by == INDUCTOR, found.why_uncompiled
    for count in (1, 3, 7):
        images = torch.randn(count, 3, toys.SIDE, toys.SIDE)
        ours, plain = found.forward(images).softmax(1), classifier.logits(images).softmax(1)
        assert (ours - plain).abs().max() < TOLERANCE


@pytest.mark.slow
def test_inductor_keeps_networks_of_one_class_apart_whatever_their_number_and_size():
    sizes = [16, 16, *range(24, 64, 8)]
    made = [small().requires_grad_(False) for _ in sizes]
    with torch.no_grad():
        forwards = [modes.by_inductor(network, BLANK) for network in made]
        for network, forward, side in zip(made, forwards, sizes, strict=True):
            for count in (4, 1):  # which a compiler takes for a case of its own
                images = torch.randn(count, 3, side, side)
                torch.testing.assert_close(forward(images), network(images))
        with torch.compiler.set_stance("fail_on_recompile"):
            for network, forward, side in zip(made, forwards, sizes, strict=True):
                images = torch.randn(7, 3, side, side)
                torch.testing.assert_close(forward(images), network(images))
                with pytest.raises(RuntimeError):  # the size is no symbol
                    forward(torch.randn(7, 3, side + 1, side + 1))


@pytest.mark.slow
def test_inductor_has_the_weights_as_constants():
    network = small().requires_grad_(False)
    images = torch.randn(2, 3, toys.SIDE, toys.SIDE)
    with torch.no_grad():
        forward = modes.by_inductor(network, images)
        before = forward(images)
        network[0].weight.zero_()
        assert not torch.equal(network(images), before)
        assert torch.equal(forward(images), before)


def small():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())


class Branching(nn.Module):
    """What it does depends on the answer of `asks`."""

    def __init__(self, asks):
        super().__init__()
        self.network, self.asks = small(), asks

    def forward(self, images):
        return self.network(images if self.asks(images) else -images)


@pytest.mark.parametrize(
    "asks",
    [
        lambda images: images.mean() > 0,
        lambda images: images.sum().item() > 0,
        lambda images: torch.equal(images, images.abs()),
    ],
)
def test_a_network_that_asks_for_its_values_is_not_traced(asks):
    with pytest.raises(RuntimeError, match="depends on the values of its images"):
        modes.by_tracing(Branching(asks).eval(), torch.randn(2, 3, toys.SIDE, toys.SIDE))


def test_a_network_that_asks_for_its_shapes_is_traced():
    network = Branching(lambda images: images.shape[-1] > toys.SIDE).eval().requires_grad_(False)
    images = torch.randn(2, 3, toys.SIDE, toys.SIDE)
    with torch.no_grad():
        torch.testing.assert_close(modes.by_tracing(network, images)(images), network(images))


def test_a_compiler_that_fails_or_errs_is_passed_over(monkeypatch):
    classifier = toys.model()
    network = prepare_network(classifier, BLANK)
    monkeypatch.setattr(modes, "WAYS", {"one": refuse, "two": wrong, TRACED: modes.by_tracing})
    assert compiled(network, classifier, BLANK).compiled_by == TRACED
    monkeypatch.setattr(modes, "WAYS", {"one": refuse, "two": wrong})
    found = compiled(network, classifier, BLANK)
    assert not found.compiled_by
    assert "one: RuntimeError: no compiler on this machine;" in found.why_uncompiled
    assert "two: probabilities differ by" in found.why_uncompiled
    assert found.forward is network.forward


def test_bf16_gives_float32_logits_near_those_of_float32():
    classifier = toys.model()
    network = prepare_network(classifier, BLANK)
    found = in_bf16(network, BLANK)
    images = torch.randn(5, 3, toys.SIDE, toys.SIDE)
    ours, plain = found.forward(images), network.forward(images)
    assert ours.dtype == torch.float32
    assert 0 < (ours.softmax(1) - plain.softmax(1)).abs().max() < 0.05
    assert 0 < found.mode_error < 0.05
    assert torch.equal(network.forward(images), plain)


class Listening(Observer):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def run(path, **settings):
    listening = Listening()
    registry = toys.registry("activation", "asking")
    found = toy_run(path, registry=registry, observer=listening, limit=3, **settings)
    return found, listening.notes


@pytest.mark.parametrize(
    ("settings", "dtype", "mode"),
    [
        ({}, "float32", ""),
        ({"dtype": "bf16"}, "bf16", ""),
        ({"compile": True}, "float32", "compiled"),
        ({"deterministic": True}, "float32", "deterministic"),
        ({"compile": True, "deterministic": True}, "float32", "compiled, deterministic"),
        ({"dtype": "bf16", "deterministic": True}, "bf16", "deterministic"),
    ],
)
def test_rows_manifest_and_config_say_the_mode(traced, tmp_path, settings, dtype, mode):
    plain, _ = run(tmp_path / "plain")
    found, notes = run(tmp_path / "moded", **settings)
    rows = found.rows
    assert set(rows["dtype"]) == {dtype}
    assert set(rows["mode"]) == {mode}
    assert set(rows["status"]) <= {"ok", "undefined"}
    manifest = json.loads((tmp_path / "moded" / "manifest.json").read_text())
    (of_model,) = manifest["models"].values()
    assert (
        (manifest["dtype"], manifest["mode"]) == (of_model["dtype"], of_model["mode"]) == (dtype, mode)
    )
    assert not notes
    shared = set(rows["cell"]) & set(plain.rows["cell"])
    assert shared == (set(plain.rows["cell"]) if not settings else set())
    close = 0.05 if dtype == "bf16" else 1e-5
    keys = ["explainer", "metric", "image", "target"]
    merged = plain.scores.merge(found.scores, on=keys, suffixes=("", "_moded"))
    assert len(merged) == len(plain.scores)
    ranked = merged[merged["metric"] == "deletion-28"]
    assert (ranked["score"] - ranked["score_moded"]).abs().max() <= close


def test_a_run_that_cannot_compile_says_so_and_is_not_called_compiled(monkeypatch, tmp_path):
    monkeypatch.setattr(modes, "WAYS", {"one": refuse})
    found, notes = run(tmp_path / "out", compile=True)
    assert set(found.rows["mode"]) == {""}
    assert any("uncompiled: one: RuntimeError: no compiler on this machine" in note for note in notes)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    (of_model,) = manifest["models"].values()
    assert of_model["why_uncompiled"].startswith("one: RuntimeError")
    assert not of_model["compiled_by"]


def test_rows_of_a_compiled_network_are_not_lost_where_it_cannot_be_compiled(
    traced, monkeypatch, tmp_path
):
    before = run(tmp_path / "out", compile=True)[0].rows
    with monkeypatch.context() as broken:
        broken.setattr(modes, "WAYS", {"one": refuse})
        with pytest.raises(ConfigError, match=r"no compiler on this machine; .*choose another --output"):
            run(tmp_path / "out", compile=True)
    found = run(tmp_path / "out", compile=True)[0].rows
    pd.testing.assert_frame_equal(found, before)


def test_a_block_that_could_not_be_loaded_has_nothing_compiled_to_lose(monkeypatch, tmp_path):
    plain = toys.model
    monkeypatch.setattr(toys, "model", toys.no_model)
    assert set(run(tmp_path, compile=True)[0].rows["mode"]) == {"compiled"}
    monkeypatch.setattr(toys, "model", plain)
    monkeypatch.setattr(modes, "WAYS", {"one": refuse})
    rows = run(tmp_path, compile=True)[0].rows
    assert (set(rows["mode"]), "failed" in set(rows["status"])) == ({""}, False)


@pytest.mark.parametrize("settings", [{"dtype": "bf16"}, {"compile": True}, {"deterministic": True}])
def test_another_mode_does_not_go_on_in_the_folder(settings, tmp_path):
    before = make_config({"grid": GRID})
    after = make_config({"grid": GRID, **settings})
    assert before.name() != after.name()
    earlier = tmp_path / "config.toml"
    for old, new in ((before, after), (after, before)):
        earlier.write_text(old.toml())
        with pytest.raises(ConfigError, match=f"{next(iter(settings))} was"):
            refuse_to_follow(earlier, new)


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"dtype": "float16"}, "dtype"), ({"dtype": "bf16", "compile": True}, "compiled is float32")],
)
def test_modes_that_are_none_are_refused(settings, said):
    with pytest.raises(ConfigError, match=said):
        make_config({"grid": GRID, **settings})


def states():
    cudnn = torch.backends.cudnn
    return (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        cudnn.deterministic,
        cudnn.benchmark,
    )


def test_what_is_deterministic_is_so_inside_only(tmp_path):
    before = states()
    for raises in (False, True):
        try:
            with deterministic(True):
                assert states() == (True, False, True, False)
                if raises:
                    raise KeyError
        except KeyError:
            pass
        assert states() == before
    with deterministic(False):
        assert states() == before
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        with deterministic(True):
            assert states()[:2] == (True, False)
        assert states()[:2] == (True, True)
    finally:
        torch.use_deterministic_algorithms(before[0])


def test_an_operation_without_deterministic_form_fails_its_cell_alone(tmp_path):
    registry = toys.registry("activation", "scattering")
    found = toy_run(tmp_path / "out", registry=registry, limit=2, deterministic=True)
    status = found.scores.groupby("explainer")["status"].agg(set)
    assert status["scattering"] == {"failed"}
    assert status["activation"] == {"ok"}
    (reason,) = set(found.scores.loc[found.scores["explainer"] == "scattering", "reason"])
    assert reason == "put_ has no deterministic form; run without --deterministic"
    assert states()[0] is False
    plain = toy_run(tmp_path / "plain", registry=registry, limit=2)
    assert "failed" not in set(plain.scores["status"])


def test_bf16_keeps_captures_and_their_maps_in_float32(tmp_path):
    plain, _ = run(tmp_path / "plain", gallery=2)
    found, _ = run(tmp_path / "bf16", gallery=2, dtype="bf16")
    same = found.scores.merge(plain.scores, on=["explainer", "metric", "image", "target"])
    assert len(same) == len(plain.scores)
    assert (same["probability_x"] == same["probability_y"]).all()
    pointed = same[(same["metric"] == "pointing-game") & (same["explainer"] == "activation")]
    assert (pointed["score_x"] == pointed["score_y"])[pointed["status_x"] == "ok"].all()
    assert not same["score_x"].equals(same["score_y"])  # what the stream scores does change
