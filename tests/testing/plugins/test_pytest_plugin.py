"""`pytest --xaibench-plugin NAME`, run by pytest itself on packages made for it."""

import pytest

import xaibench.testing.plugins.plugin_contract  # noqa: F401 (here, since runs within this process forget what they import)

pytest_plugins = "pytester"

MODULE = """
from xaibench.api import Dataset, Explainer, hookimpl


@hookimpl
def xaibench_explainers():
    return [
        Explainer(name="sound", at="{name}:sound"),
        Explainer(name="hooked", at="{name}:hooked"),
        Explainer(name="gone", at="{name}:gone"),
    ]


@hookimpl
def xaibench_datasets():
    return [Dataset(name="elsewhere", at="{name}:elsewhere", folder="required")]


def sound(capture, power=1):
    return (capture.activations * capture.gradients).sum(1) ** power


def hooked(capture):
    capture.classifier.target_layer.module.register_forward_hook(lambda *_: None)
    return sound(capture)


def elsewhere(root):
    return []
"""


MISTAKEN = ("--xaibench-plugin", "toy-mistaken")


@pytest.fixture(autouse=True)
def no_other_plugins(monkeypatch):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # each of many runs would import them anew


@pytest.fixture
def package(pytester):
    """An installed plugin: one explainer is sound, two are not, and a data set needs its folder."""

    def make(name, code=MODULE):
        pytester.makepyfile(**{name: code.format(name=name)})
        facts = pytester.mkdir(f"{name}-1.0.dist-info")
        title = name.replace("_", "-")
        (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {title}\nVersion: 1.0\n")
        (facts / "entry_points.txt").write_text(f"[xaibench]\n{name} = {name}\n")
        pytester.syspathinsert()
        return title

    return make


def run(pytester, *arguments):
    return pytester.runpytest_inprocess("--assert=plain", "-p", "pytest_xaibench", *arguments)


@pytest.mark.parametrize("by", ["distribution", "entry point"])
def test_there_is_a_test_a_spec_and_clause(pytester, package, by):
    name = package(f"toy_{by.replace(' ', '_')}")
    asked = name if by == "distribution" else name.replace("-", "_")
    done = run(pytester, "--xaibench-plugin", asked, "-k", "hooks or loads", "-v")
    done.assert_outcomes(passed=3, failed=2, skipped=2, deselected=done.parseoutcomes()["deselected"])
    done.stdout.fnmatch_lines_random(
        [
            f"*{asked}::explainer::sound::hooks-gone PASSED*",
            f"*{asked}::explainer::hooked::hooks-gone FAILED*",
            f"*{asked}::explainer::gone::loads FAILED*",
            f"*{asked}::explainer::gone::hooks-gone SKIPPED*",
            f"*{asked}::dataset::elsewhere::loads SKIPPED*",
            "explainer 'hooked' breaks the clause 'hooks-gone'",
            "  expected: no hook left",
            "  found:    1 forward_hooks on 1 (ReLU) (on network 'pooled')",
            "  why:      a hook left behind acts, and costs, in every later pass.",
        ]
    )


def test_what_was_not_asked_says_why(pytester, package):
    name = package("toy_reasons")
    done = run(pytester, "--xaibench-plugin", name, "-k", "elsewhere or gone", "-rs")
    done.stdout.fnmatch_lines_random(
        [
            "SKIPPED*not asked: it needs its folder:*--xaibench-data elsewhere:PATH*",
            "SKIPPED*not asked: the clause 'loads' is broken",
        ]
    )


def test_other_tests_are_collected_only_where_they_are_named(pytester, package):
    name = package("toy_alone")
    file = pytester.makepyfile(test_other="def test_other(): pass")
    alone = run(pytester, "--xaibench-plugin", name, "-k", "sound and finite")
    alone.assert_outcomes(passed=1, deselected=alone.parseoutcomes()["deselected"])
    both = run(pytester, "--xaibench-plugin", name, file, "-k", "other or (sound and finite)")
    both.assert_outcomes(passed=2, deselected=both.parseoutcomes()["deselected"])
    without = run(pytester)
    without.assert_outcomes(passed=1)


def test_settings_folders_and_networks_can_be_given(pytester, package):
    name = package("toy_given")
    tiny = "xaibench.testing.common.tiny_networks"
    pytester.makepyfile(nets_of_mine=f"from {tiny} import pooled as my_own")
    given = ("--xaibench-plugin", name, "--xaibench-network", "nets_of_mine:my_own")
    folder = ("--xaibench-data", "elsewhere:.")
    done = run(pytester, *given, *folder, "-k", "sound and shape or examples or elsewhere-loads")
    done.stdout.fnmatch_lines_random(["*a sequence of at least one Example*"])
    odd = run(pytester, *given, "--xaibench-set", "sound.power=0", "-k", "sound and target")
    odd.stdout.fnmatch_lines_random(["*the same maps for all classes*"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--xaibench-plugin", "toy-mistaken-1"], "*no plugin called*did you mean 'toy-mistaken'*"),
        (["--xaibench-set", "sound.power=one", *MISTAKEN], "*NAME.SETTING=VALUE*"),
        (["--xaibench-set", "sound.colour=1", *MISTAKEN], "*it takes power*"),
        (["--xaibench-network", "nowhere", *MISTAKEN], "*expected MODULE:FUNCTION*"),
    ],
)
def test_what_cannot_be_understood_is_an_error_that_says_so(pytester, package, arguments, said):
    package("toy_mistaken")
    done = run(pytester, *arguments)
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines_random([said])


def test_a_plugin_that_cannot_be_loaded_says_why(pytester, package):
    name = package("toy_unloadable", "import no_such_module_anywhere")
    done = run(pytester, "--xaibench-plugin", name)
    assert done.ret
    done.stderr.fnmatch_lines_random(["*no_such_module_anywhere*"])


def test_it_imports_nothing_of_xaibench_until_it_is_asked(pytester):
    pytester.makepyfile(
        test_lazy="import sys\ndef test_lazy(): assert not {'xaibench', 'torch'} & set(sys.modules)"
    )
    done = pytester.runpytest_subprocess("-p", "pytest_xaibench")
    done.assert_outcomes(passed=1)
