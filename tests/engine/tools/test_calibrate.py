"""Settings laid over a run's explainers, and chosen on images that it does not evaluate."""

from dataclasses import replace

import msgspec
import pytest
import toys

from xaibench.api import ConfigError, Dataset, UnknownName
from xaibench.api.specs import Explainer, Modifier
from xaibench.engine.plan.config import make_config
from xaibench.engine.plan.plan import plan
from xaibench.engine.run.run import run
from xaibench.engine.tools.calibrate import calibrate
from xaibench.results.results import Results

GRID = {"grid": [{"models": ["toy"], "data": ["generated"]}], "gallery": 0, "width": 4}


@pytest.fixture
def registry():
    found = toys.registry("gradient", "activation")
    return replace(
        found,
        modifiers={"times": Modifier(name="times", at="toys:scaled")},
        datasets={
            **found.datasets,
            "drawn": Dataset(name="drawn", at="toys:drawn", classes="toys"),
        },
    )


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_settings_are_laid_over_explainers_and_modifiers(registry):
    registry.explainers["cam"] = Explainer(name="cam", at="xaibench_explainers.cam:cam")
    settings = {"cam": {"relu": False}, "times": {"weight": 0.5}}
    names = ["cam", "gradient+times"]
    config = make_config({**GRID, "explainers": names, "settings": settings})
    cam, times, _ = plan(config, registry).explainers
    assert cam.settings == {"relu": False}
    assert times.settings == {"gradient": 1, "times": 1, "times.weight": 0.5}
    assert make_config(msgspec.toml.decode(config.toml())) == config


def test_a_run_without_settings_keeps_its_name():
    assert "settings" not in make_config(GRID).facts()


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"tims": {"weight": 1}}, UnknownName, "no explainer or modifier called 'tims'"),
        ({"times": {"wait": 1}}, ConfigError, r"settings of 'times': .*'wait'; it takes weight"),
        ({"gradient": {"x": 1}}, ConfigError, r"settings of 'gradient': .*'x'; it takes none"),
    ],
)
def test_a_misspelt_setting_stops_the_run_before_it_begins(registry, settings, error, message):
    with pytest.raises(error, match=message):
        plan(make_config({**GRID, "settings": settings}), registry)


def calibration(registry, candidates, **changed):
    given = {"data": "drawn", "seed": 1, "explainers": ["gradient"], **changed}
    return calibrate(
        registry, "times", candidates, model="toy", metrics=["deletion-28"], limit=None, **given
    )


def settings_of(found):
    return make_config(msgspec.toml.decode(found.toml()) | {"gallery": 0, "width": 4})


def test_the_better_candidate_is_chosen_and_runs_as_chosen(registry):
    found = calibration(registry, [{"weight": -1.0}, {"weight": 2.0}, {"weight": 3.0}])
    assert found.chosen == {"weight": 2.0}  # as good as 3.0, and before it
    assert found.images == "3 images of drawn drawn by 1, toy"
    values = found.table["deletion-28"]
    assert values["weight = 2.0"] == pytest.approx(values["without times"])
    assert values["weight = -1.0"] > values["weight = 2.0"]
    assert (found.table["criterion"] == -values).all()
    assert found.table.index[-1] == "weight = -1.0"
    assert found.table.loc["weight = 2.0", ["gain", "± gain"]].tolist() == pytest.approx(
        [0, 0], abs=1e-6
    )
    assert found.table.loc["weight = -1.0", "gain"] < 0 < found.table.loc["weight = -1.0", "± gain"]
    assert settings_of(found).settings == {"times": {"weight": 2.0}}
    rows = run(settings_of(found), registry=registry).scores
    params = rows[rows["explainer"] == "gradient+times"]["explainer_params"].iloc[0]
    assert msgspec.json.decode(params)["times.weight"] == 2.0


def test_no_image_of_the_calibration_is_evaluated(registry, tmp_path):
    found = calibration(registry, [{"weight": 2.0}])
    evaluated = run(settings_of(found), registry=registry).scores
    (folder,) = (tmp_path / "results").glob("calibration-*")
    calibrated = Results.load(folder).scores
    assert not set(calibrated["image_sha"]) & set(evaluated["image_sha"])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"data": "generated"}, "data set 'generated' draws nothing by a seed"),
        ({"seed": 0}, "seed 0 is that of data set 'drawn' in every run"),
        ({"explainers": ["broken"]}, "cannot be calibrated: ZeroDivisionError"),
    ],
)
def test_what_cannot_be_calibrated_says_why(registry, changed, message):
    registry.explainers["broken"] = Explainer(name="broken", at="toys:raising")
    with pytest.raises(ConfigError, match=message):
        calibration(registry, [{"weight": 2.0}], **changed)
