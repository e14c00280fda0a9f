"""The contract of report sections: functions from a results folder to text and pictures."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from xaibench.api.reporting import ReportSection, SectionContent
from xaibench.engine.discovery.registry import installed, pick
from xaibench.testing.common.contract import IS_LOADED, Broken, Contract, Verdict, check, described_error

OF_REPORT_SECTIONS = Contract()


@dataclass(frozen=True)
class ReportSectionSubject:
    """A report section under trial."""

    spec: ReportSection

    @property
    def title(self) -> str:
        """For people."""
        return f"report section {self.spec.name!r}"

    def load(self) -> None:
        """Import it."""
        self.spec.load()

    def trials(self) -> Iterator[tuple[str, ReportSection]]:
        """One: the section."""
        yield "", self.spec


def check_report_section(
    section: ReportSection | str, *, only: Collection[str] = ()
) -> tuple[Verdict, ...]:
    """Try the whole contract on a report section, with an empty results folder.

    Args:
        section: a spec, or the name of an installed one.
        only: the clauses to try; all where not given.

    Returns:
        What came of each clause: kept, or not asked with the reason.

    Raises:
        ContractBroken: says of each broken clause what was expected, what came, and why it matters.
        UnknownName: there is no such section, or no such clause.
    """
    known = installed().report_sections
    spec = pick("report section", section, known) if isinstance(section, str) else section
    return check(ReportSectionSubject(spec), CONTRACT, only)


@OF_REPORT_SECTIONS.clause("content", "the report would have a note in the section's place.")
def content(spec: ReportSection) -> None:
    """Of an empty folder it returns a SectionContent, or None."""
    expected = "a SectionContent, or None where the folder has nothing to show"
    with TemporaryDirectory() as folder:
        try:
            returned = spec.load()(Path(folder))
        except Exception as error:  # whatever the section raises
            raise Broken(expected, described_error(error)) from error
    if not (returned is None or isinstance(returned, SectionContent)):
        raise Broken(expected, type(returned).__name__)


@OF_REPORT_SECTIONS.clause("folder-unwritten", "a report may be written of results that are read-only.")
def folder_unwritten(spec: ReportSection) -> None:
    """It writes nothing into the folder."""
    with TemporaryDirectory() as folder:
        spec.load()(Path(folder))
        written = sorted(path.name for path in Path(folder).iterdir())
    if written:
        raise Broken("a folder as it was", f"{', '.join(written)} written")


CONTRACT = (IS_LOADED, *OF_REPORT_SECTIONS)
