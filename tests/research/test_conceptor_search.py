"""What the search for conceptors measures, against literal versions."""

from importlib import import_module

import pytest
import readme
import torch
from xaibench_explainers.conceptor_cam import at_most_one, evidence, regulated
from xaibench_explainers.grad_cam import grad_cam
from xaibench_explainers.layer_cam import layer_cam

from xaibench.api.maps import rescale, upsample
from xaibench.engine.evaluate.stream import Stream


@pytest.fixture(scope="module")
def modules():
    with pytest.MonkeyPatch.context() as patch:
        for folder in ("benchmarks", "research"):
            patch.syspath_prepend(str(readme.ROOT / folder))
        names = (
            *(f"conceptors.{name}" for name in ("candidates", "measure", "search")),
            "marked_blocks",
        )
        yield tuple(import_module(name) for name in names)


@pytest.fixture
def candidates(modules):
    return modules[0]


@pytest.fixture
def measure(modules):
    return modules[1]


@pytest.fixture
def search(modules):
    return modules[2]


@pytest.fixture
def features(candidates, capture):
    rivals = [capture.gradients_for((capture.batch.targets + k) % 4) for k in (1, 2, 3)]
    return candidates.Features(
        capture.activations,
        capture.gradients,
        upsample_grid(capture.activations),
        upsample(layer_cam(capture), (16, 12)),
        candidates.bases_of(capture.activations, capture.gradients, rivals, None),
    )


def upsample_grid(grid):
    return torch.nn.functional.interpolate(grid, (16, 12), mode="bilinear")


@pytest.fixture
def work(measure, features, capture):
    covers = torch.zeros(3, 32, 24, dtype=torch.double)
    covers[:, 8:16, 4:12] = 1
    chances = capture.logits.softmax(1).gather(1, capture.batch.targets[:, None])[:, 0]
    policies = (frozenset({"label", "predicted"}),) * 3
    stream = Stream(capture.classifier.logits, 4)
    return measure.Work(capture.batch, policies, ("a", "b", "c"), chances, covers, features, stream)


def test_the_default_is_what_the_modifier_does(candidates, features, capture):
    for name, cam in (("grad-cam", grad_cam), ("layer-cam", layer_cam)):
        made = candidates.maps_of(candidates.Candidate(), features, features.bases[name])
        torch.testing.assert_close(made, regulated(cam)(capture))
        sharp = candidates.Candidate(read="share x map", aperture=3.0)
        found = candidates.maps_of(sharp, features, features.bases[name])
        expected = at_most_one(regulated(cam, 3.0, sharp=True)(capture))
        torch.testing.assert_close(at_most_one(found), expected)


def test_a_rival_is_negated_as_in_conceptor_cam(candidates, features):
    base = features.bases["layer-cam"]
    own, rival = at_most_one(base.own), at_most_one(base.rivals[0])
    found = candidates.maps_of(candidates.Candidate(against="rival"), features, base)
    torch.testing.assert_close(found, evidence(features.activations, own, 30.0, rival * (1 - own)))


def test_any_rival_is_the_sum_of_their_correlations(candidates, features):
    base = features.bases["layer-cam"]
    features, length = features.activations.flatten(2), features.activations.square().sum(1)
    shares = candidates.any_rival(base, torch.zeros_like(base.own), length.double()).flatten(1)
    summed = (features * shares[:, None]) @ features.mT
    for b, found in enumerate(summed):
        expected = torch.zeros_like(found)
        for rival in base.rivals:
            weights = rival[b].flatten()
            one = (features[b] * weights) @ features[b].T
            expected += one / one.trace() if one.trace() > 0 else 0
        torch.testing.assert_close(found, expected)


def test_every_candidate_makes_finite_maps_that_are_not_negative(candidates, features):
    tried = candidates.grid_of_candidates(signed=True)
    assert len({str(candidate) for candidate in tried}) == len(tried)
    for candidate in tried:
        maps = candidates.maps_of(candidate, features, features.bases["grad-cam"])
        assert maps.isfinite().all(), candidate
        assert (maps >= -1e-9).all(), candidate


def test_white_states_only_change_the_contrast(candidates):
    """Orthonormal positions have a diagonal conceptor: its share is a growing function of the weight."""
    generator = torch.Generator().manual_seed(0)
    activations = torch.randn(2, 20, 3, 4, dtype=torch.double, generator=generator)
    own = torch.rand(2, 3, 4, dtype=torch.double, generator=generator)
    features = candidates.Features(activations, activations, activations, own, {})
    base = candidates.Base(own, own, (own,))
    found = candidates.maps_of(candidates.Candidate(states="whitened", aperture=3.0), features, base)
    shares = 3 * own / own.sum((1, 2), keepdim=True)
    torch.testing.assert_close(found, shares / (shares + 1), rtol=1e-6, atol=1e-9)


def test_changes_are_combined_where_they_do_not_clash(candidates):
    make = candidates.Candidate
    best = [make(states="unit", aperture=3.0), make(read="jaeger"), make(states="centred")]
    found = candidates.combined(best)
    assert make(states="unit", read="jaeger", aperture=3.0) in found
    assert make(states="centred", read="jaeger") in found
    assert not any(c.states != "raw" and c.read == "share" for c in found)
    assert best[0].axis == "states unit"
    assert make(aperture=3.0).axis == "default"


def test_matching_keeps_the_order_and_takes_the_histogram(measure):
    base, like = torch.rand(2, 2, 9, 8, dtype=torch.double).unbind(0)
    found = measure.matched(base, like)
    torch.testing.assert_close(found.flatten(1).sort().values, like.flatten(1).sort().values)
    assert torch.equal(found.flatten(1).argsort(), base.flatten(1).argsort())
    torch.testing.assert_close(measure.matched(base, base.square()), base.square())


def test_ties_stay_ties_at_the_mean_of_what_falls_to_them(measure):
    base = torch.tensor([[[0.0, 0.0], [0.0, 1.0]]])
    like = torch.tensor([[[0.1, 0.9], [0.3, 0.2]]])
    found = measure.matched(base, like)
    torch.testing.assert_close(found, torch.tensor([[[0.2, 0.2], [0.2, 0.9]]]))


def test_drop_increase_and_gain_are_the_papers(measure, work, capture):
    maps = rescale(torch.rand(3, 32, 24, dtype=torch.double))
    (found,) = measure.effects([maps], work)
    for row in range(3):
        target = int(capture.batch.targets[row])
        images = torch.stack([capture.batch.images[row], capture.batch.images[row] * maps[row]])
        before, after = capture.classifier.logits(images).softmax(1)[:, target].tolist()
        expected = (max(0, before - after) / before, float(after > before))
        assert found.loc[row, ["AD", "AI"]].tolist() == pytest.approx(expected, abs=1e-6)
        assert found.loc[row, "AG"] == pytest.approx(max(0, after - before) / (1 - before), abs=1e-6)


def test_energy_is_the_share_of_the_map_in_the_mask(measure, work):
    maps = torch.zeros(3, 32, 24, dtype=torch.double)
    maps[0, 8:10, 4:6], maps[0, 0, 0], maps[1, 10, 10] = 0.5, 2.0, 1.0
    found = measure.places(maps, work)
    assert found["energy"].tolist() == pytest.approx([0.5, 1.0, 0.0])
    assert found["peak"].tolist() == [0, 1, 0]


def test_differences_are_paired_and_positive_where_better(measure, work):
    base = work.features.bases["layer-cam"]
    made = {"base": lambda: base.own, "ones": lambda: torch.ones_like(base.own).triu()}
    scores = measure.score(made, base, work, with_curves=True)
    found = measure.differences(scores["ones"], scores["base"], work)
    assert found["AD"][0] == pytest.approx((scores["base"]["AD"] - scores["ones"]["AD"]).mean())
    assert found["energy"][0] == pytest.approx(
        (scores["ones"]["energy"] - scores["base"]["energy"]).mean()
    )
    assert found["energy'"][0] == pytest.approx(
        (scores["ones"]["energy"] - scores["ones"]["energy'"]).mean()
    )
    again = measure.differences(scores["base"], scores["base"], work)
    assert all(mean == pytest.approx(0, abs=1e-6) for mean, _ in again.values())


def test_what_helps_helps_beyond_contrast_and_beyond_a_finer_grid(search):
    nothing = dict.fromkeys(("energy", "energy'", "AD", "AD'", "AI", "AI'", "AG", "AG'"), (0.0, 0.1))
    nothing |= dict.fromkeys(("peak", "pointing", "ins", "del"), (0.0, 0.1))
    said = search.verdict(nothing | {"AD": (0.2, 0.1), "AD'": (0.05, 0.1)}, nothing | {"AD": (0.2, 0.1)})
    assert said == "-"
    both = nothing | {"AD": (0.2, 0.1), "AD'": (0.2, 0.1), "ins": (-0.2, 0.1)}
    assert search.verdict(both, both) == "helps AD; hurts ins"
    assert search.verdict(both, nothing) == "hurts ins"


def test_no_object_is_both_searched_on_and_held_out(search):
    model, data = "efficientnet-lite0", "cutouts"
    looked, kept = (
        search.examples_of(model, data, s, h, 99) for s, h in ((search.SEARCH, 0), ((0, 5), 1))
    )
    assert len(looked) > 20
    assert len(kept) > 20
    kinds = [{search.kind(same[0]) for same in some} for some in (looked, kept)]
    assert not kinds[0] & kinds[1]
    with pytest.raises(SystemExit, match="draws nothing by a seed"):
        search.examples_of(model, "photos", (3,), 0, 9)


def test_a_small_search_reports_both_stages(search, measure, monkeypatch):
    few = [search.Candidate(), search.Candidate(read="share squared")]
    monkeypatch.setattr(search, "grid_of_candidates", lambda signed: few)
    given = search.argparse.Namespace(
        model="scenes-cnn", data="scenes", base="grad-cam", limit=4, held_out=4, seed=3, other=None
    )
    said = search.report(given)
    assert "Stage one: 2 candidates under grad-cam, 4 images to search on." in said
    assert said.count("| control: base^0.5 |") == 2
    assert "Stage two: layer-cam, 4 images held out." in said


def test_a_block_is_written_again_and_the_rest_of_the_page_kept(modules, tmp_path):
    page, put = tmp_path / "page.md", modules[3].put
    page.write_text("text\n")
    put(page, "one", "first")
    put(page, "two", "second")
    put(page, "one", "new")
    expected = "text\n\n<!-- one -->\nnew\n<!-- end -->\n\n<!-- two -->\nsecond\n<!-- end -->\n"
    assert page.read_text() == expected
