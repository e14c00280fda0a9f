import base64
import hashlib
import json
import re
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image
from reports import (
    EVIL,
    NAMES,
    STEPS,
    curved,
    facts_of,
    named_evilly,
    parsed,
    ready,
    report,
    scores,
)
from tables import folder, rows

from xaibench.api import ConfigError, DataError
from xaibench.report.page.build import in_script, readable_size, write_report
from xaibench.results.results import Results
from xaibench.results.rows import Row, write_rows


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return ready(tmp_path_factory.mktemp("r") / "run")


@pytest.fixture(scope="module")
def page(path):
    return report(path)


def test_landmarks_and_headings_are_in_order(page):
    for tag in ("header", "nav", "main", "footer", "h1", "title"):
        inside = "svg" if tag == "title" else "article"
        assert len([node for node in page.all(tag) if inside not in {a.tag for a in node.above}]) == 1
    assert page.one("html").attributes["lang"] == "en"
    assert page.one("nav").attributes["aria-label"]
    ids = [node.attributes["id"] for node in page.all() if "id" in node.attributes]
    assert len(ids) == len(set(ids))
    for section in page.all("section"):
        assert section.attributes["aria-labelledby"] in ids
    for link in page.all("a"):
        assert link.attributes["href"].removeprefix("#") in ids
    levels = [int(node.tag[1]) for node in page.all("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_tables_have_captions_and_headings_with_a_scope(page):
    assert len(page.all("table")) > 4
    for table in page.all("table"):
        if "records" not in table.classes:
            assert table.one("caption").text
        assert table.all("th")
        assert {node.attributes.get("scope") for node in table.all("th")} <= {"col", "row"}
    for table in page.all("table", class_="board wide"):
        assert [node.text for node in table.all("th", aria_sort="ascending")] == ["mean rank"]


def test_every_control_has_a_name_and_is_hidden_where_no_script_runs(page):
    controls = page.all("select", "input", "button")
    assert len(controls) > 12
    for control in controls:
        labels = [node for node in control.above if node.tag == "label"]
        assert control.text if control.tag == "button" else labels[0].text
        assert any("hidden" in node.attributes for node in [control, *control.above])
    assert page.one("noscript").text


def test_pictures_have_a_text_or_are_marked_as_ornament(page):
    drawings = page.all("svg")
    assert len(drawings) > 20
    for drawing in drawings:
        assert drawing.attributes.get("aria-label") or drawing.attributes.get("aria-hidden") == "true"
        assert (drawing.attributes.get("role") == "img") == ("aria-label" in drawing.attributes)


def test_what_scrolls_can_be_reached_by_keyboard_and_has_a_name(page):
    scrolling = [node for node in page.all("div") if "scroll" in node.classes]
    assert scrolling
    for node in scrolling:
        assert node.attributes["tabindex"] == "0"
        assert node.attributes["role"] == "region"
        assert node.attributes["aria-label"]


def test_nothing_in_the_page_leads_out_of_it(path, page):
    for node in page.all():
        for name, value in node.attributes.items():
            assert not name.startswith("on"), (node.tag, name)
            assert name != "style", node.tag
            if name in ("src", "href", "srcset", "action", "data", "poster"):
                assert value.startswith(("#", "data:")), value
    assert (
        "link" not in {node.tag for node in page.all()}
        or page.one("link").attributes["href"] == "data:,"
    )
    text = (path / "report.html").read_text(encoding="utf-8")
    assert set(re.findall(r"https?://[^\s\"']*", text)) == {"http://www.w3.org/2000/svg"}
    assert "url(" not in text
    assert "@import" not in text


def test_the_policy_allows_its_own_style_and_script_alone(page):
    policy = page.one("meta", http_equiv="Content-Security-Policy").attributes["content"]
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "unsafe" not in policy
    (script,) = [node for node in page.all("script") if "type" not in node.attributes]
    for node, name in ((page.one("style"), "style-src"), (script, "script-src")):
        content = "".join(node.texts).encode()
        sha = base64.b64encode(hashlib.sha256(content).digest()).decode()
        assert f"{name} 'sha256-{sha}'" in policy


def test_what_comes_from_outside_is_text_and_never_markup(tmp_path):
    evil, images = named_evilly(tmp_path / "run")
    page = report(tmp_path / "run")
    assert [node.attributes for node in page.all("script")] == [
        {"type": "application/json", "id": "facts"},
        {},
    ]
    assert not page.all("img")
    assert not [name for node in page.all() for name in node.attributes if name.startswith("on")]
    facts = facts_of(page)
    assert facts["explainers"][0] == EVIL
    assert facts["classes"][0] == f"class{EVIL}"
    assert facts["images"][0]["n"] == images[1]
    assert facts["blocks"] == [{"model": evil["model"], "dataset": evil["dataset"]}]
    assert page.one("h1").text == f"run{EVIL}"
    for part in (f"why{EVIL}", f"note{EVIL}", f"plugin{EVIL}", f"key{EVIL}", f"odd{EVIL}", "{{7*7}}"):
        assert part in page.one("main").text


def test_json_in_a_script_cannot_end_it_and_reads_back_the_same():
    facts = {"a": EVIL, "b": "\u2028\u2029 ü", "c": [1, None, 0.5]}
    said = in_script(facts)
    assert not set("<>&\u2028\u2029") & set(said)
    assert json.loads(said) == facts
    with pytest.raises(ValueError, match="JSON"):
        in_script({"a": float("nan")})


def test_the_leaderboard_says_what_the_results_say(path, page):
    results = Results.load(path)
    boards = [
        node for node in page.one("section", id="leaderboard").all("div") if "block" in node.classes
    ]
    assert [(node.attributes["data-model"], node.attributes["data-dataset"]) for node in boards] == [
        ("m", "d"),
        ("n", "d"),
        ("", ""),
    ]
    checked = 0
    for board in boards[:2]:
        for line in board.one("tbody").all("tr"):
            name = line.one("th").attributes["data-value"]
            for cell in line.all("td"):
                if "data-metric" not in cell.attributes:
                    continue
                sure = results.intervals
                where = (sure["model"] == board.attributes["data-model"]) & (sure["explainer"] == name)
                (row,) = sure[where & (sure["metric"] == cell.attributes["data-metric"])].to_dict(
                    "records"
                )
                assert float(cell.attributes["data-value"]) == pytest.approx(row["mean"])
                assert f"{row['mean']:.3f}" in cell.text
                assert f"{row['low']:.3f}" in cell.text
                assert f"{row['high']:.3f}" in cell.text
                checked += 1
    assert checked == 12


def test_the_best_is_strong_and_who_ties_with_it_is_tinted(page):
    (board, *_) = page.one("section", id="leaderboard").all("tbody")
    cells = {
        line.one("th").attributes["data-value"]: line.all("td", data_metric="deletion")[0]
        for line in board.all("tr")
    }
    # of deletion, fewer is better; noise of 0.1 leaves no ties
    assert {name for name, cell in cells.items() if cell.all("strong")} == {"cam"}
    assert {name for name, cell in cells.items() if "tied" in cell.classes} == {"cam"}
    hits = {
        line.one("th").attributes["data-value"]: line.all("td", data_metric="pointing-game")[0]
        for line in board.all("tr")
    }
    assert "tied" not in hits["random"].classes


def test_controls_and_notes_are_marked(page):
    (board, *_) = page.one("section", id="leaderboard").all("tbody")
    marked = [line.one("th").attributes["data-value"] for line in board.all("tr", class_="control")]
    assert marked == ["random"]


def test_what_has_no_score_is_counted_with_its_reason(path, page):
    table = page.one("section", id="problems").one("table")
    (line,) = table.one("tbody").all("tr")
    assert [cell.text for cell in line.children] == [
        *("undefined", "n on d", "cam", "insertion", "no box & <none>", "7", "7"),
    ]


def test_all_of_the_manifest_is_there(path, page):
    text = page.one("section", id="provenance").text

    def leaves(value):
        if isinstance(value, dict):
            return [leaf for each in value.values() for leaf in leaves(each)] + list(value)
        return [leaf for each in value for leaf in leaves(each)] if isinstance(value, list) else [value]

    manifest = json.loads((path / "manifest.json").read_text())
    found = leaves(manifest)
    assert len(found) > 20
    for leaf in found:
        assert (leaf if isinstance(leaf, str) else json.dumps(leaf)) in text
    for node in page.one("section", id="provenance").all("dl", "table"):
        assert any(above.tag == "details" for above in node.above)


def test_the_page_says_how_large_it_is(path, page):
    size = (path / "report.html").stat().st_size
    assert page.one("footer").text.startswith(f"{readable_size(size)} in one file")
    assert readable_size(12_345_678) == "12.3 MB"
    assert readable_size(98_765) == "99 kB"


def test_the_gallery_has_every_kept_image(page):
    facts = facts_of(page)
    assert [image["n"] for image in facts["images"]] == ["i0", "i1", "i2", "i3"]
    for image in facts["images"]:
        assert base64.b64decode(image["i"])[8:12] == b"WEBP"
        assert set(image["m"]) == {"0", "1", "2"}
        for shown in image["m"].values():
            assert len(base64.b64decode(shown["m"])) == shown["g"][0] * shown["g"][1]
    assert {len(base64.b64decode(colours)) for colours in facts["colours"].values()} == {768}


def test_curves_are_drawn_with_a_band_for_each_explainer(page):
    section = page.one("section", id="curves")
    panels = section.all("figure")
    assert [panel.one("b").text for panel in panels] == NAMES
    for panel in panels:
        assert len([path for path in panel.all("path") if "band" in path.classes]) == 2
        curves = [path for path in panel.all("path") if "curve" in path.classes]
        assert {len(path.attributes["d"].split("L")) for path in curves} == {STEPS}
    assert not [path for path in panels[2].all("path") if "reference" in path.classes]
    assert len([path for path in panels[0].all("path") if "reference" in path.classes]) == 2


def test_cost_has_a_chart_for_each_metric_and_both_costs(page):
    charts = page.one("section", id="cost").all("figure")
    found = [(chart.attributes["data-metric"], chart.attributes["data-cost"]) for chart in charts]
    both = ["milliseconds", "forwards"]
    asked = ["insertion", "deletion", "pointing-game", "insertion"]
    assert found == [(metric, cost) for metric in asked for cost in both]
    named = {text.text for text in charts[0].all("text") if "name" in text.classes}
    assert named == set(NAMES)


def test_agreement_is_a_table_with_ones_on_its_diagonal(page):
    matrix, *_ = page.one("section", id="agreement").all("table")
    lines = matrix.one("tbody").all("tr")
    for place, line in enumerate(lines):
        assert line.all("td")[place].text == "1.00"
        assert "p5" in line.all("td")[place].classes


def test_an_unfinished_run_says_so_and_has_no_provenance(tmp_path):
    page = report(ready(tmp_path / "run", manifest=False))
    assert "Unfinished." in page.one("main").text
    assert "written when a run is finished" in page.one("section", id="provenance").text


def test_without_kept_maps_the_gallery_says_how_to_keep_them(tmp_path):
    page = report(ready(tmp_path / "run", maps=0))
    assert "xaibench run --gallery 40" in page.one("section", id="gallery").text
    assert facts_of(page)["images"] == []


def test_nothing_but_unsupported_cells_makes_a_page(tmp_path):
    found = folder(tmp_path / "run", rows([[np.nan] * 3], NAMES, images=[""]))
    rewritten = [
        {**row, "status": "unsupported", "reason": "no linear head", "target": -1}
        for row in Results.load(found).rows.to_dict("records")
    ]
    write_rows(found / "scores" / "one.parquet", [Row(**{**row, "curve": ()}) for row in rewritten])
    page = report(found)
    words = [cell.text for cell in page.one("section", id="leaderboard").all("span", class_="word")]
    assert words == ["unsupported"] * 3
    assert "Nothing is scored here." in page.one("section", id="cost").text
    assert "3 unsupported" in page.one("section", id="problems").text
    assert not page.all("section", id="curves")


def test_one_image_and_one_explainer_make_a_page(tmp_path):
    page = report(folder(tmp_path / "run", curved(rows([[0.5]], ["cam"], metric="insertion"))))
    assert "0.500" in page.one("section", id="leaderboard").text
    assert (
        "cam is the only explainer that is ranked on 1 image" in page.one("section", id="summary").text
    )


def test_an_explainer_that_a_metric_was_not_asked_about_has_no_number_there(tmp_path):
    found = folder(
        tmp_path / "run",
        rows(scores(), NAMES, metric="insertion"),
        rows(scores()[:, :2], NAMES[:2], metric="deletion"),
    )
    board = report(found).one("section", id="leaderboard").one("tbody")
    words = {
        line.one("th").attributes["data-value"]: [word.text for word in line.all("span", class_="word")]
        for line in board.all("tr")
    }
    assert words == {"cam": [], "other": [], "random": ["not asked"]}


def test_a_folder_without_rows_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no results in"):
        report(tmp_path)


def test_a_damaged_file_of_maps_is_named(tmp_path):
    found = ready(tmp_path / "run", maps=1)
    (found / "maps" / "zz.safetensors").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"zz.safetensors cannot be read: .*delete it"):
        report(found)


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    found = ready(tmp_path / "run", maps=0)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"report.html cannot be written: .*--output"):
        write_report(Results.load(found), tmp_path / "file" / "report.html")


def test_figures_of_conceptors_travel_inside(tmp_path):
    found = ready(tmp_path / "run", maps=0)
    (found / "figures").mkdir()
    Image.new("RGBA", (2400, 1200), (255, 0, 0, 128)).save(found / "conceptors.png")
    Image.new("L", (80, 40)).save(found / "figures" / "conceptors-aperture.jpg")
    pictures = report(found).one("section", id="conceptors").all("img")
    assert [(p.attributes["width"], p.attributes["height"]) for p in pictures] == [
        ("1600", "800"),
        ("80", "40"),
    ]
    assert all(p.attributes["src"].startswith("data:image/jpeg;base64,") for p in pictures)
    assert all(p.attributes["alt"] for p in pictures)
    (found / "conceptors.png").write_text("no picture")
    section = report(found).one("section", id="conceptors")
    assert re.search(r"DataError: .*conceptors.png is no picture", section.text)
    assert not section.all("img")


def test_the_same_results_make_the_same_page(path):
    first = write_report(Results.load(path)).path.read_bytes()
    assert write_report(Results.load(path)).path.read_bytes() == first
    assert parsed(first.decode())
