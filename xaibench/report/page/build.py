"""A results folder as one HTML file: works offline, asks the network for nothing, and can be printed."""

import json
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

import xaibench
from xaibench.api.errors import ConfigError
from xaibench.api.reporting import ReportSection
from xaibench.report.page.boards import drawn
from xaibench.report.page.cost import charts
from xaibench.report.page.curves import curves
from xaibench.report.page.grids import text
from xaibench.report.page.images import Gallery, gallery
from xaibench.report.page.orders import agreements, rankings, shade
from xaibench.report.page.plugin_sections import drawn_sections
from xaibench.report.page.problems import counts, problems
from xaibench.report.page.provenance import columns_of, is_table, provenance
from xaibench.results.board import Board
from xaibench.results.results import Results
from xaibench.results.whole import write_bytes

SCRIPTS = ("page.js", "boards.js", "maps.js", "gallery.js")
COLOURS = ("inferno", "viridis", "cividis", "gray")
SIZE = '<data id="page-size"></data>'  # nobody else's text has a "<" in the page
NAME = "report.html"
NONE = "-"


@dataclass(frozen=True)
class WrittenReport:
    """What was written: where, how many bytes, and what of the gallery is in it."""

    path: Path
    bytes: int
    images: int
    maps: int
    left_out: int

    @property
    def size(self) -> str:
        """The bytes as a reader has them."""
        return said_size(self.bytes)


def write_report(
    results: Results, path: Path | None = None, sections: Iterable[ReportSection] = ()
) -> WrittenReport:
    """Write the report of some results.

    Args:
        results: of a finished run or of one that was stopped.
        path: of the file; `report.html` in the results' folder where not given. Its folder is made.
        sections: further sections, from plugins; one that fails becomes a note in the report.

    Raises:
        ConfigError: the file cannot be written.
        DataError: kept maps in the folder cannot be read.
    """
    path = path or results.path / NAME
    shown = gallery(results)
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
    """The page, and in it its own size."""
    found, blocks = results.boards(together=True), results.boards()
    style = read("page.css")
    script = "\n".join(read(name) for name in SCRIPTS)
    wrong = problems(results)
    said = (
        environment()
        .get_template("page.html")
        .render(
            results=results,
            name=results.manifest.get("run") or results.path.resolve().name,
            version=xaibench.__version__,
            boards=found,
            tables=[drawn(board) for board in found],
            blocks=blocks,
            totals=totals(results, blocks),
            models=unique(board.model for board in blocks),
            datasets=unique(board.dataset for board in blocks),
            metrics=unique(column.name for board in blocks for column in board.columns),
            costs=[(board, charts(board)) for board in blocks],
            agreements=agreements(results),
            rankings=rankings(found),
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
    return said.replace(SIZE, said_size(len(said.encode())), 1)


@cache
def environment() -> Environment:
    """Templates in which everything from outside is escaped, and nothing that is missing goes unseen."""
    found = Environment(
        loader=PackageLoader("xaibench.report.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {"number": number, "milliseconds": milliseconds, "scalar": scalar}
    found.globals |= {"shade": shade, "columns_of": columns_of}
    found.tests |= {"records": is_table, "known": lambda value: value == value}
    return found


def curves_of(results: Results, board: Board) -> list[Any]:
    """The curves of a board, in its order."""
    means = {
        (each.explainer, column.name): each.values[column.key].mean
        for each in board.lines
        for column in board.columns
    }
    order = [each.explainer for each in board.lines]
    return list(curves(results, board.model, board.dataset, order, means))


def totals(results: Results, blocks: list[Board]) -> dict[str, int]:
    """What there is of everything."""
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
    """The settings' file, which runs the same again; "" where there is none."""
    path = results.path / "config.toml"
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def facts_of(shown: Gallery) -> dict[str, Any]:
    """What the page's script reads."""
    return {
        "images": shown.images,
        "explainers": shown.explainers,
        "metrics": shown.metrics,
        "classes": shown.classes,
        "blocks": [{"model": model, "dataset": dataset} for model, dataset in shown.blocks],
        "colours": {name: text(palette(name)) for name in COLOURS},
    }


def palette(name: str) -> bytes:
    """256 colours of three bytes."""
    colours = matplotlib.colormaps[name](np.linspace(0, 1, 256))[:, :3]
    return bytes(np.rint(colours * 255).astype(np.uint8).tobytes())


def in_script(facts: Mapping[str, Any]) -> Markup:
    """JSON that no text in it can lead out of its script element, nor into a comment."""
    plain = json.dumps(facts, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for sign in "<>&\u2028\u2029":
        plain = plain.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(plain)


def policy(style: str, script: str) -> str:
    """A content security policy: our own style and script by their hashes, pictures in the page."""
    ours = {name: f"'sha256-{digest(content)}'" for name, content in (("s", style), ("j", script))}
    return (
        f"default-src 'none'; img-src data:; style-src {ours['s']}; script-src {ours['j']}; "
        "base-uri 'none'; form-action 'none'"
    )


def digest(content: str) -> str:
    """As the policy wants it."""
    return b64encode(sha256(content.encode()).digest()).decode()


def read(name: str) -> str:
    """A file of the page."""
    return (files("xaibench.report.page") / "static" / name).read_text(encoding="utf-8")


def said_size(count: int) -> str:
    """Bytes in words."""
    return f"{count / 1e6:,.1f} MB" if count >= 1e5 else f"{count / 1e3:,.0f} kB"


def unique(names: Any) -> list[str]:
    """Each once, in order."""
    return list(dict.fromkeys(names))


def number(value: float, digits: int = 3) -> str:
    """A number, or a dash where there is none."""
    return NONE if value != value else f"{value:,.{digits}f}"


def milliseconds(value: float) -> str:
    """As the terminal's leaderboard has them."""
    return NONE if value != value else f"{value:,.{int(value < 10)}f}"


def scalar(value: Any) -> str:
    """A manifest's value as text."""
    if isinstance(value, (str, int)) and not isinstance(value, bool):
        return str(value)
    return json.dumps(value, ensure_ascii=False, default=str)
