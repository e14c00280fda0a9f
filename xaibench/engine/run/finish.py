"""What is done once all rows are there: the gallery, the manifest, the report."""

from collections.abc import Iterable, Mapping
from typing import Any

from xaibench.api.reporting import ReportSection
from xaibench.engine.work.observer import Observer
from xaibench.report.gallery import draw_gallery
from xaibench.report.page.build import write_report
from xaibench.results.folder import RunFolder
from xaibench.results.results import Results


def close(
    folder: RunFolder, facts: Mapping[str, Any], observer: Observer, sections: Iterable[ReportSection]
) -> Results:
    """Draw the gallery, write the manifest and the report of a run; its results.

    Raises:
        ConfigError: there is no room, or no right to write.
    """
    results = Results.load(folder.path)
    observer.stage("drawing the gallery")
    draw_gallery(folder.path, results.notes)
    folder.finish(facts)
    results = Results.load(folder.path)
    observer.stage("writing the report")
    write_report(results, sections=sections)
    return results
