import subprocess
import sys
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from textwrap import dedent

import pytest

from xaibench.api import PluginError, UnknownName
from xaibench.api.specs import Explainer, Modifier
from xaibench.engine.discovery.registry import KINDS, collect, installed

GOOD = """
    from xaibench.api import Explainer, hookimpl

    @hookimpl
    def xaibench_explainers():
        return [Explainer(name="fine", at="somewhere:fine")]
"""


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Write a plugin module and return an entry point that names it."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(name: str, code: str) -> EntryPoint:
        (tmp_path / f"{name}.py").write_text(dedent(code))
        return EntryPoint(name, name, "xaibench")

    yield write
    for name in [path.stem for path in tmp_path.glob("*.py")]:
        sys.modules.pop(name, None)


def test_a_plugins_specs_are_found(plugin):
    registry = collect([plugin("good_one", GOOD)])
    assert list(registry.explainers) == ["fine"]
    assert registry.plugins[0].offers == {"explainers": 1}


def test_a_broken_plugin_is_named_with_its_reason_and_the_rest_works(plugin):
    broken = plugin("broken_one", "import no_such_module_anywhere")
    registry = collect([broken, plugin("good_two", GOOD)])
    assert list(registry.explainers) == ["fine"]
    assert registry.broken == {
        "broken_one": "ModuleNotFoundError: No module named 'no_such_module_anywhere'"
    }


def test_a_broken_plugin_is_an_error_if_strict(plugin):
    with pytest.raises(PluginError, match=r"plugin 'broken_two' .* cannot be loaded: .*no_such"):
        collect([plugin("broken_two", "import no_such_module_anywhere")], strict=True)


def test_a_name_that_two_plugins_offer_names_both(plugin):
    with pytest.raises(PluginError, match=r"'good_a' .*and 'good_b' .*both offer the explainer 'fine'"):
        collect([plugin("good_a", GOOD), plugin("good_b", GOOD)])


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            GOOD.replace("xaibench_explainers", "xaibench_explainer"),
            "hook 'xaibench_explainer' does not exist; did you mean 'xaibench_explainers'?",
        ),
        (
            GOOD.replace("@hookimpl", ""),
            "hook 'xaibench_explainers' is not marked; put @hookimpl above it",
        ),
        (
            "XAIBENCH_API = 99\n" + dedent(GOOD),
            "made for plugin API 99, and this xaibench has 1",
        ),
        (
            GOOD.replace('Explainer(name="fine", at="somewhere:fine")', '"fine"'),
            "hook 'xaibench_explainers' returned 'fine'; expected a list of Explainer",
        ),
    ],
    ids=["misspelt", "unmarked", "newer", "wrong type"],
)
def test_each_mistake_has_its_own_message(plugin, request, code, message):
    name = f"mistaken_{request.node.callspec.id.replace(' ', '_')}"
    assert message in collect([plugin(name, code)]).broken[name]


def test_an_unknown_name_is_answered_with_the_one_meant():
    with pytest.raises(UnknownName, match=r"no explainer called 'gradcam'; did you mean 'grad-cam'\?"):
        installed().explainer("gradcam")
    with pytest.raises(UnknownName, match=r"no metric called 'xyz'\. Installed: .*deletion, "):
        installed().metric("xyz")


def test_a_family_takes_the_rest_of_the_name():
    spec = installed().model("timm:resnet18")
    assert (spec.name, spec.settings) == ("timm:resnet18", {"name": "resnet18"})
    with pytest.raises(UnknownName, match="is a family; say which"):
        installed().model("timm")
    with pytest.raises(UnknownName, match="is one model"):
        installed().model("scenes-cnn:big")


TWICE = """
    from xaibench.api import Explainer, Modifier, hookimpl

    @hookimpl
    def xaibench_explainers():
        facts = {"settings": {"gain": 2.0}, "version": 2, "citation": "Us", "note": "new"}
        return [
            Explainer(name="one", at="twice_one:one", needs=("gradients", "wheels"), **facts),
            Explainer(name="one+", at="twice_one:one"),
            Explainer(name="one+twice", at="twice_one:one"),
        ]

    @hookimpl
    def xaibench_modifiers():
        facts = {"settings": {"times": 2}, "version": 3, "needs": ("wheels",), "citation": "Them"}
        return [Modifier(name="again", at="twice_one:again", note="new", **facts)]

    def one(capture, gain=1.0):
        return capture + gain

    def again(explainer, times):
        return lambda capture: explainer(capture) * times
"""


def test_any_explainer_under_any_modifier_is_an_explainer(plugin):
    registry = collect([plugin("twice_one", TWICE)])
    spec = registry.explainer("one+again")
    assert spec.load()(1.0) == 6.0
    assert (spec.name, spec.needs, spec.control) == ("one+again", ("gradients", "wheels"), False)
    assert (spec.version, spec.citation, spec.note) == (4, "Us; Them", "new")
    assert spec.settings == {"one": 2, "one.gain": 2.0, "again": 3, "again.times": 2}
    assert registry.explainer("one+again+again").load()(1.0) == 12.0


def test_a_whole_name_goes_before_its_parts(plugin):
    registry = collect([plugin("twice_two", TWICE)])
    assert registry.explainer("one+twice") is registry.explainers["one+twice"]
    assert registry.explainer("one++again").explainer is registry.explainers["one+"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("grad-cam+conceptrs", r"no modifier called 'conceptrs'; did you mean 'conceptors'\?"),
        ("gradcam+conceptors", r"no explainer called 'gradcam'; did you mean 'grad-cam'\?"),
        ("grad-cam+", r"no explainer called 'grad-cam\+'; did you mean 'grad-cam\+\+'\?"),
        ("+conceptors", r"no explainer called '\+conceptors'"),
    ],
)
def test_a_misspelt_part_is_answered_with_the_one_meant(name, message):
    with pytest.raises(UnknownName, match=message):
        installed().explainer(name)


@pytest.mark.parametrize("base", ["grad-cam", "grad-cam++", "layer-cam"])
def test_what_was_under_conceptors_by_name_still_is_and_says_what_it_is(base):
    spec = installed().explainer(f"{base}+conceptors")
    assert spec.note.startswith("independent reconstruction from the abstract; not the authors'")
    assert installed().explainers[base].citation in spec.citation


def test_a_modifier_that_cannot_be_loaded_is_named():
    spec = Modifier(name="mine", at="no_such_module_anywhere:mine")
    with pytest.raises(PluginError, match=r"modifier 'mine' cannot be loaded from 'no_such.*No module"):
        spec.load()


def test_a_spec_that_cannot_be_loaded_is_named():
    spec = Explainer(name="mine", at="no_such_module_anywhere:mine")
    with pytest.raises(PluginError, match=r"explainer 'mine' cannot be loaded from 'no_such.*No module"):
        spec.load()


def test_built_ins_come_in_by_entry_point_like_anybodys():
    assert {plugin.name for plugin in installed().plugins} >= {
        "xaibench_models",
        "xaibench_explainers",
        "xaibench_metrics",
        "xaibench_datasets",
    }
    assert not installed().broken


def test_listing_opens_no_torch():
    code = (
        "import sys; from xaibench.engine.discovery.registry import installed; found = installed();"
        "assert found.explainers and found.models; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_layer_and_weights_can_be_asked_for_in_a_models_name():
    found = installed()
    assert found.model("scenes-cnn@features.8").settings == {"target_layer": "features.8"}
    spec = found.model("timm:resnet18@layer3=/folder/w@2=x.pt")
    assert spec.settings == {
        "name": "resnet18",
        "target_layer": "layer3",
        "weights": "/folder/w@2=x.pt",
    }
    assert spec.name == "timm:resnet18@layer3=w@2=x.pt"
    assert found.model("timm:resnet18=random").settings["weights"] == "random"


def test_a_model_that_takes_no_weights_says_so():
    with pytest.raises(PluginError, match=r"model 'scenes-cnn=random' cannot be set so: .*'weights'"):
        installed().model("scenes-cnn=random").load()


OURS = ("xaibench_models", "xaibench_explainers", "xaibench_metrics", "xaibench_datasets")


def test_what_is_offered_does_not_depend_on_what_was_imported_before():
    """An imported module becomes an attribute of its package, where a function of its name may be."""
    for kind in KINDS:
        for spec in getattr(installed(), kind).values():
            module = spec.at.partition(":")[0]
            if module.partition(".")[0] in OURS:
                import_module(module)
    again = collect(tuple(entry_points(group="xaibench")))
    assert again.broken == {}
    assert list(again.explainers) == list(installed().explainers)
