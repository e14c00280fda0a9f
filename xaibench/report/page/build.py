"""The report as one HTML file that works offline, loads nothing from the network, and can be printed."""

import json
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from xaibench.api.errors import ConfigError
from xaibench.api.reporting import ReportSection
from xaibench.report.page.agreement_matrices import agreements, shade
from xaibench.report.page.cost_charts import charts
from xaibench.report.page.critical_difference_charts import rankings
from xaibench.report.page.gallery_images import Gallery, gallery
from xaibench.report.page.insertion_deletion_curves import curves
from xaibench.report.page.leaderboard import drawn
from xaibench.report.page.plugin_sections import drawn_sections
from xaibench.report.page.problems import counts, problems
from xaibench.report.page.provenance import columns_of, is_table, provenance
from xaibench.report.page.small_maps import text
from xaibench.results.atomic_write import write_bytes
from xaibench.results.board import Board
from xaibench.results.kept import KeptMaps
from xaibench.results.results import Results

SCRIPTS = ("page.js", "boards.js", "maps.js", "gallery.js")
COLOURS = ("inferno", "viridis", "cividis", "gray")
SIZE = '<data id="page-size"></data>'  # nobody else's text has a "<" in the page
NAME = "report.html"
NONE = "-"


@dataclass(frozen=True)
class WrittenReport:
    """The written file: its path and size, and the extent of its gallery."""

    path: Path
    bytes: int
    images: int
    maps: int
    left_out: int

    @property
    def size(self) -> str:
        """The size as text."""
        return readable_size(self.bytes)


def write_report(
    results: Results,
    path: Path | None = None,
    kept_maps: KeptMaps | None = None,
    sections: Iterable[ReportSection] = (),
) -> WrittenReport:
    """Write the report of some results.

    Args:
        results: of a finished run or of one that was stopped.
        path: of the file; `report.html` in the results folder if not given. Its folder is created.
        kept_maps: the run's kept maps, if another reader holds some of them.
        sections: further sections, from plugins; one that fails becomes a note in the report.

    Raises:
        ConfigError: the file cannot be written.
        DataError: kept maps in the folder cannot be read.
    """
    path = path or results.path / NAME
    shown = gallery(results, kept_maps)
    content = page(results, shown, sections).encode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, content)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written: {error.strerror or error}; what is finished is kept: make room, "
            "or choose another --output"
        ) from error
    return WrittenReport(path, len(content), len(shown.images), shown.maps, shown.left_out)


def page(results: Results, shown: Gallery, sections: Iterable[ReportSection] = ()) -> str:
    """Return the HTML of the page, which states its own size."""
    boards, blocks = results.boards(together=True), results.boards()
    style = read("page.css")
    script = "\n".join(read(name) for name in SCRIPTS)
    wrong = problems(results)
    html = (
        environment()
        .get_template("page.html")
        .render(
            results=results,
            name=results.manifest.get("run") or results.path.resolve().name,
            version=version("xaibench"),
            boards=boards,
            tables=[drawn(board) for board in boards],
            blocks=blocks,
            totals=totals(results, blocks),
            models=unique(board.model for board in blocks),
            datasets=unique(board.dataset for board in blocks),
            metrics=unique(column.name for board in blocks for column in board.columns),
            costs=[(board, charts(board)) for board in blocks],
            agreements=agreements(results),
            rankings=rankings(boards),
            curves=[each for board in blocks for each in curves_of(results, board)],
            gallery=shown,
            sections=drawn_sections(sections, results.path),
            problems=wrong,
            statuses=counts(wrong),
            provenance=provenance(results),
            config=config_of(results),
            facts=in_script(facts_of(shown)),
            colour_maps=COLOURS,
            style=Markup(style),
            script=Markup(script),
            policy=policy(style, script),
            size=Markup(SIZE),
        )
    )
    return html.replace(SIZE, readable_size(len(html.encode())), 1)


@cache
def environment() -> Environment:
    """Return the templates' environment: text is escaped, and undefined names raise."""
    jinja = Environment(
        loader=PackageLoader("xaibench.report.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    jinja.filters |= {"number": number, "milliseconds": milliseconds, "scalar": scalar}
    jinja.globals |= {"shade": shade, "columns_of": columns_of}
    jinja.tests |= {"records": is_table, "known": lambda value: value == value}
    return jinja


def curves_of(results: Results, board: Board) -> list[Any]:
    """Return the curves of a leaderboard, in its order."""
    means = {
        (each.explainer, column.name): each.values[column.key].mean
        for each in board.lines
        for column in board.columns
    }
    order = [each.explainer for each in board.lines]
    return list(curves(results, board.model, board.dataset, order, means))


def totals(results: Results, blocks: list[Board]) -> dict[str, int]:
    """Return the numbers of models, data sets, images, explainers, metrics and scores."""
    rows = results.scores
    images = rows.loc[rows["image"] != "", ["dataset", "image"]].drop_duplicates()
    return {
        "models": len({board.model for board in blocks}),
        "data sets": len({board.dataset for board in blocks}),
        "images": len(images),
        "explainers": rows["explainer"].nunique(),
        "metrics": rows["metric"].nunique(),
        "scores": int((rows["status"] == "ok").sum()),
    }


def config_of(results: Results) -> str:
    """Return the text of the settings' file; "" if there is none."""
    path = results.path / "config.toml"
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def facts_of(shown: Gallery) -> dict[str, Any]:
    """Return the facts that the page's script reads."""
    return {
        "images": shown.images,
        "explainers": shown.explainers,
        "metrics": shown.metrics,
        "classes": shown.classes,
        "blocks": [{"model": model, "dataset": dataset} for model, dataset in shown.blocks],
        "colours": {name: text(palette(name)) for name in COLOURS},
    }


def palette(name: str) -> bytes:
    """Return 256 colours of a colour map, three bytes each."""
    colours = matplotlib.colormaps[name](np.linspace(0, 1, 256))[:, :3]
    return bytes(np.rint(colours * 255).astype(np.uint8).tobytes())


def in_script(facts: Mapping[str, Any]) -> Markup:
    """Return JSON whose text cannot leave its script element nor begin a comment."""
    plain = json.dumps(facts, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for sign in "<>&\u2028\u2029":
        plain = plain.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(plain)


def policy(style: str, script: str) -> str:
    """Return a content security policy: our style and script by their hashes, pictures as data URLs."""
    ours = {name: f"'sha256-{digest(content)}'" for name, content in (("s", style), ("j", script))}
    return (
        f"default-src 'none'; img-src data:; style-src {ours['s']}; script-src {ours['j']}; "
        "base-uri 'none'; form-action 'none'"
    )


def digest(content: str) -> str:
    """Return the hash of a text as the policy writes it."""
    return b64encode(sha256(content.encode()).digest()).decode()


def read(name: str) -> str:
    """Return the text of a static file."""
    return (files("xaibench.report.page") / "static" / name).read_text(encoding="utf-8")


def readable_size(count: int) -> str:
    """Return a number of bytes as kB or MB."""
    return f"{count / 1e6:,.1f} MB" if count >= 1e5 else f"{count / 1e3:,.0f} kB"


def unique(names: Any) -> list[str]:
    """Return each name once, in order."""
    return list(dict.fromkeys(names))


def number(value: float, digits: int = 3) -> str:
    """Return a number as text, "-" for NaN."""
    return NONE if value != value else f"{value:,.{digits}f}"


def milliseconds(value: float) -> str:
    """Return milliseconds as the terminal's leaderboard shows them."""
    return NONE if value != value else f"{value:,.{int(value < 10)}f}"


def scalar(value: Any) -> str:
    """Return a value of the manifest as text."""
    if isinstance(value, (str, int)) and not isinstance(value, bool):
        return str(value)
    return json.dumps(value, ensure_ascii=False, default=str)
