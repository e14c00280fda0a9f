"""The end of a run, once all its rows are on disk: the gallery, the manifest, the report."""

from collections.abc import Iterable, Mapping
from typing import Any

from xaibench.api.reporting import ReportSection
from xaibench.engine.work.observer import Observer
from xaibench.report.gallery import draw_gallery
from xaibench.report.page.build import write_report
from xaibench.results.folder import RunFolder
from xaibench.results.kept import KeptMaps
from xaibench.results.results import Results


def finish_run(
    folder: RunFolder,
    results: Results,
    facts: Mapping[str, Any],
    observer: Observer,
    sections: Iterable[ReportSection] = (),
) -> Results:
    """Draw the gallery, then write the manifest and the report. No row and no kept map is read twice.

    Args:
        folder: the results folder.
        results: its rows, loaded once all of them are written.
        facts: the manifest, without the hashes of the shards.
        observer: is told which stage has begun.
        sections: further sections of the report, from plugins.

    Returns:
        The results with their manifest.

    Raises:
        ConfigError: there is no room, or no right to write.
    """
    kept_maps = KeptMaps(folder.path)
    observer.stage("drawing the gallery")
    draw_gallery(folder.path, results.notes, kept_maps)
    results = results.with_manifest(folder.finish(facts))
    observer.stage("writing the report")
    write_report(results, kept_maps=kept_maps, sections=sections)
    return results
