"""The contracts of commands and of report sections."""

import pytest

from xaibench.api import Command, ReportSection, UnknownName
from xaibench.testing import ContractBroken, check_command, check_report_section
from xaibench.testing.plugins.plugin_contract import tried_of


def command(name):
    return Command(name=name, at=f"zoo_extensions:{name}")


def section(name):
    return ReportSection(name=name, at=f"zoo_extensions:{name}")


def test_healthy_ones_keep_every_clause():
    verdicts = [
        *check_command(command("greet")),
        *check_command("figure conceptors"),
        *check_report_section(section("empty")),
        *check_report_section(section("counted")),
        *check_report_section("conceptors"),
    ]
    assert {verdict.status for verdict in verdicts} == {"kept"}


@pytest.mark.parametrize(
    ("check", "spec", "clause", "message"),
    [
        (check_command, command("missing"), "loads", "has no attribute 'missing'"),
        (check_command, command("wordless"), "help", "a docstring"),
        (check_command, command("unreadable"), "parameters", "annotated for typer"),
        (check_report_section, section("missing"), "loads", "has no attribute 'missing'"),
        (check_report_section, section("markup"), "content", "found:    str"),
        (check_report_section, section("raising"), "content", "nothing here"),
        (check_report_section, section("writing"), "folder-unwritten", "note.txt written"),
    ],
)
def test_a_broken_one_fails_for_its_own_reason(check, spec, clause, message):
    with pytest.raises(ContractBroken, match=message) as raised:
        check(spec)
    assert clause in raised.value.clauses


def test_names_that_are_not_installed_are_answered_with_the_one_meant():
    with pytest.raises(UnknownName, match=r"no command called 'figure conceptor'; did you mean"):
        check_command("figure conceptor")
    with pytest.raises(UnknownName, match=r"no report section called 'conceptor'; did you mean"):
        check_report_section("conceptor")


def test_a_plugin_under_trial_has_its_commands_and_sections_tried_too():
    kinds = {one.kind: one.name for one in tried_of("xaibench_explainers")}
    assert kinds["command"] in ("figure conceptors", "calibrate conceptors")
    assert kinds["report_section"] == "conceptors"
