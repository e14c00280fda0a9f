"""The page in a real browser: Chromium, headless, by its driver."""

import base64
import json
import re
import time

import pytest
from browser import opened
from browsers import needed
from reports import EVIL, NAMES, keep, named_evilly, ready, scores, wide
from tables import rows

from xaibench.report.page.build import write_report
from xaibench.results.results import Results
from xaibench.results.rows import write_rows

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    path = ready(tmp_path_factory.mktemp("r") / "run", maps=12)
    return write_report(Results.load(path)).path


@pytest.fixture(scope="module")
def driver():
    needed()
    with opened(["--window-size=1280,900"], logs=["browser", "performance"]) as found:
        yield found


@pytest.fixture
def page(driver, report):
    driver.get_log("performance")  # what the browser did before is not the page's
    yield loaded(driver, report)
    assert severe(driver) == []


def loaded(driver, report):
    driver.get(report.as_uri())
    assert driver.execute_script("return document.documentElement.dataset.ready") == "true"
    return driver


def severe(driver):
    return [entry["message"] for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]


def run(page, script, *arguments):
    return page.execute_script(script, *arguments)


def choose(page, selector, value):
    change = (
        "const found = document.querySelector(arguments[0]); found.value = arguments[1];"
        "for (const name of ['input', 'change'])"
        "  found.dispatchEvent(new Event(name, { bubbles: true }));"
    )
    run(page, change, selector, value)


def shown(page, selector):
    visible = (
        "return [...document.querySelectorAll(arguments[0])]"
        ".filter((each) => each.checkVisibility()).map((each) => each.textContent.trim())"
    )
    return run(page, visible, selector)


def test_no_request_leaves_the_file(page, report):
    asked = [
        json.loads(entry["message"])["message"]["params"]["request"]["url"]
        for entry in page.get_log("performance")
        if '"Network.requestWillBeSent"' in entry["message"]
    ]
    assert report.as_uri() in asked
    assert [url for url in asked if url != report.as_uri() and not url.startswith("data:")] == []


def test_the_policy_stops_any_other_script(page):
    run(
        page,
        "const other = document.createElement('script'); other.textContent = 'window.got = 1';"
        "document.body.append(other)",
    )
    assert run(page, "return window.got") is None
    refused = [entry["message"] for entry in page.get_log("browser")]
    assert any("Content Security Policy" in message for message in refused)


def test_a_click_on_a_heading_sorts_and_another_turns_it_round(page):
    button = page.find_element("css selector", "#leaderboard thead th:nth-child(1) button")
    first = "#leaderboard thead th:nth-child(1)"
    button.click()
    assert run(page, f"return document.querySelector('{first}').ariaSort") == "ascending"
    up = [name.split("control")[0].strip() for name in shown(page, ".board:first-of-type tbody th")[:3]]
    assert up == ["cam", "other", "random"]
    button.click()
    assert run(page, f"return document.querySelector('{first}').ariaSort") == "descending"
    down = [name.split("control")[0].strip() for name in shown(page, ".board tbody th")[:3]]
    assert down == up[::-1]
    (sorted_by,) = run(
        page, "return [...document.querySelector('table.board').querySelectorAll('[aria-sort]')]"
    )
    assert sorted_by.text.startswith("explainer")


def column(page, metric):
    """The scores of a metric in the first board, from above; None where there is none."""
    values = run(
        page,
        "return [...document.querySelectorAll('table.board')][0].querySelectorAll("
        f"'tbody td[data-metric={metric}]').values().map((each) => each.dataset.value).toArray()",
    )
    return [float(value) if value else None for value in values]


@pytest.mark.parametrize(("metric", "best_is_highest"), [("insertion", True), ("deletion", False)])
def test_a_click_on_a_metric_puts_its_best_first_and_another_its_worst(page, metric, best_is_highest):
    before = column(page, metric)
    button = page.find_element("css selector", f"table.board thead th[data-metric={metric}] button")
    button.click()
    assert column(page, metric) == sorted(before, reverse=best_is_highest)
    button.click()
    assert column(page, metric) == sorted(before, reverse=not best_is_highest)
    assert len(set(before)) == 3


def test_a_line_without_a_score_stays_below_either_way_round(page):
    gone = "document.querySelector('table.board tbody tr td[data-metric=insertion]')"
    run(page, f"{gone}.dataset.value = ''")
    button = page.find_element("css selector", "table.board thead th[data-metric=insertion] button")
    for _ in range(2):
        button.click()
        assert column(page, "insertion")[-1] is None


def press(page, *keys):
    page.switch_to.active_element.send_keys(*keys)


def test_tab_goes_through_the_filters_to_every_heading_in_order(page):
    from selenium.webdriver.common.keys import Keys

    wanted = run(
        page,
        "window.wanted = [...document.querySelectorAll('#filters select, #leaderboard th button')];"
        "document.querySelector('#filters select').focus();"
        "return window.wanted.map((each, place) => place)",
    )
    place = "return window.wanted.indexOf(document.activeElement)"
    seen = [run(page, place)]
    for _ in range(3 * len(wanted)):
        if seen[-1] == wanted[-1]:
            break
        press(page, Keys.TAB)
        seen.append(run(page, place))
    assert [each for each in seen if each >= 0] == wanted


def test_a_heading_sorts_by_keys_and_keeps_the_focus(page):
    from selenium.webdriver.common.keys import Keys

    heading = "document.querySelector('#leaderboard thead th')"
    run(page, f"{heading}.querySelector('button').focus()")
    for key, expected in ((Keys.ENTER, "ascending"), (Keys.SPACE, "descending")):
        press(page, key)
        assert run(page, f"return {heading}.ariaSort") == expected
        assert run(page, f"return {heading}.contains(document.activeElement)")


def test_escape_gives_the_focus_back_to_what_opened_the_image(page):
    from selenium.webdriver.common.keys import Keys

    run(page, "document.querySelectorAll('.card button')[1].focus()")
    press(page, Keys.ENTER)
    inside = "return document.getElementById('closer').contains(document.activeElement)"
    assert run(page, inside)
    press(page, Keys.ARROW_RIGHT)
    assert run(page, inside)
    press(page, Keys.ESCAPE)
    until(lambda: not run(page, "return document.getElementById('closer').open"))
    back = "return [...document.querySelectorAll('.card button')].indexOf(document.activeElement)"
    assert run(page, back) == 1


def test_filters_hide_other_models_and_metrics_everywhere(page):
    choose(page, "#filters [name=model]", "n")
    titles = shown(page, ".board caption .where")
    assert titles == ["n on d"]
    assert shown(page, "#cost h3") == ["n on d"]
    assert run(page, "return document.querySelectorAll('.card').length") == 0
    choose(page, "#filters [name=model]", "m")
    assert run(page, "return document.querySelectorAll('.card').length") == 12
    choose(page, "#filters [name=metric]", "deletion")
    headings = shown(page, ".board thead th.numeric[data-metric]")
    assert len(headings) == 1
    assert headings[0].startswith("deletion")


def test_maps_are_drawn_when_seen_in_the_colours_chosen(page):
    run(page, "document.querySelector('.card').scrollIntoView()")
    pixel = (
        "const canvas = document.querySelector('.card canvas');"
        "return [...canvas.getContext('2d').getImageData(5, 5, 1, 1).data]"
    )
    until(lambda: run(page, pixel)[3] == 255)
    before = run(page, pixel)
    choose(page, "#gallery-controls [name=colours]", "gray")
    red, green, blue, _ = run(page, pixel)
    assert red == green == blue
    assert before[:3] != [red, green, blue]
    label = run(page, "return document.querySelector('.card canvas').ariaLabel")
    assert label.startswith("Map of cam for dog: peak ")
    choose(page, "#gallery-controls [name=opacity]", "25")
    assert run(page, "return getComputedStyle(document.querySelector('.card canvas')).opacity") == "0.25"


def test_the_worst_come_first_where_a_method_failed(page, report):
    controls = "#gallery-controls"
    choose(page, f"{controls} [name=order]", "worst")
    choose(page, f"{controls} [name=explainer]", "1")
    choose(page, f"{controls} [name=metric]", "0")
    rows = Results.load(report.parent).scores
    rows = rows[
        (rows["model"] == "m") & (rows["explainer"] == "other") & (rows["metric"] == "insertion")
    ]
    expected = rows.sort_values("score")["image"].tolist()
    assert shown(page, ".card h3") == expected
    assert "chosen" in run(page, "return document.querySelector('.tile:nth-child(3)').className")
    choose(page, f"{controls} [name=metric]", "2")
    page.find_element("name", "failures").click()
    hits = Results.load(report.parent).scores.query("metric == 'pointing-game' and explainer == 'other'")
    missed = hits.loc[hits["score"] == 0, "image"]
    assert sorted(shown(page, ".card h3")) == sorted(missed)
    assert 0 < len(missed) < 12
    assert f"other misses {len(missed)} of 12 by pointing-game" in shown(page, "#gallery-status")[0]


@pytest.fixture(scope="module")
def larger(tmp_path_factory):
    """Two classes on two data sets, and more images than are shown at once."""
    path = ready(tmp_path_factory.mktemp("l") / "run", maps=12)
    others = rows(
        scores(5), NAMES, [f"j{k}" for k in range(5)], dataset="e", metric="insertion", target=1
    )
    write_rows(path / "scores" / "two.parquet", others)
    for k in range(5):
        keep(path, f"j{k}", dataset="e", target="cat", target_index=1, seed=100 + k)
    return write_report(Results.load(path)).path


def test_the_gallery_shows_some_and_more_when_asked(driver, larger):
    page = loaded(driver, larger)
    assert len(shown(page, ".card h3")) == 12
    more = page.find_element("id", "more")
    assert more.text == "Show 5 more of 5"
    more.click()
    assert len(set(shown(page, ".card h3"))) == 17
    assert not more.is_displayed()


@pytest.mark.parametrize(
    ("control", "value", "images"),
    [
        ("#gallery-controls [name=class]", "1", "j"),
        ("#gallery-controls [name=class]", "0", "i"),
        ("#filters [name=dataset]", "d", "i"),
    ],
)
def test_the_gallery_is_filtered_by_class_and_by_data_set(driver, larger, control, value, images):
    page = loaded(driver, larger)
    choose(page, control, value)
    names = shown(page, ".card h3")
    assert {name[0] for name in names} == {images}
    assert len(names) == (12 if images == "i" else 5)


def test_images_about_which_explainers_disagree_most_come_first(driver, larger):
    page = loaded(driver, larger)
    choose(page, "#gallery-controls [name=order]", "disagreement")
    facts = run(page, "return JSON.parse(document.getElementById('facts').textContent)")
    expected = [one["n"] for one in sorted(facts["images"], key=lambda one: -one["d"])]
    assert shown(page, ".card h3") == expected[:12]
    assert expected != [one["n"] for one in facts["images"]]


def test_names_that_hold_markup_stay_text_when_the_script_puts_them_in(driver, tmp_path):
    _, images = named_evilly(tmp_path / "run")
    page = loaded(driver, write_report(Results.load(tmp_path / "run")).path)
    assert shown(page, ".card h3") == [images[1]]
    assert f"class{EVIL}" in shown(page, ".card header")[0]
    page.find_element("css selector", ".card button").click()
    assert shown(page, "#closer-title")[0].startswith(images[1])
    assert (
        run(
            page, "return document.querySelectorAll('img[onerror], #cards script, dialog script').length"
        )
        == 0
    )
    assert severe(page) == []


def test_a_phone_needs_no_scrolling_sideways(page):
    page.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": False},
    )
    try:
        assert run(page, "return innerWidth") == 390
        assert run(page, "return document.scrollingElement.scrollWidth") <= 390
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_an_image_opens_moves_on_by_keys_and_closes(page):
    from selenium.webdriver.common.keys import Keys

    page.find_element("css selector", ".card button").click()
    dialog = page.find_element("id", "closer")
    assert dialog.get_dom_attribute("open") is not None
    title = "#closer-title"
    (first,) = shown(page, title)
    assert len(shown(page, "#closer tbody tr")) == 3
    page.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    (second,) = shown(page, title)
    assert second != first
    page.switch_to.active_element.send_keys(Keys.ESCAPE)
    until(lambda: dialog.get_dom_attribute("open") is None)


def test_the_theme_can_be_turned_by_hand(page):
    colour = "return getComputedStyle(document.body).backgroundColor"
    button = page.find_element("id", "theme")
    seen = []
    for _ in range(3):
        button.click()
        seen.append((button.text, run(page, colour)))
    told = dict(seen)
    assert told["Theme: light"] == "rgb(255, 255, 255)"
    assert told["Theme: dark"] == "rgb(17, 22, 28)"
    assert "Theme: system" in told


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_stands_out_from_its_ground(page, theme):
    """WCAG's contrast of every text in view: 4.5, or 3 where it is large."""
    run(page, "document.documentElement.dataset.theme = arguments[0]", theme)
    found = run(
        page,
        """
        const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
        const rgba = (colour) => {
          canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
          return [...canvas.getImageData(0, 0, 1, 1).data];
        };
        const ground = (node) => {
          const behind = node.parentElement ? ground(node.parentElement) : [255, 255, 255];
          const [r, g, b, a] = rgba(getComputedStyle(node).backgroundColor);
          return [r, g, b].map((c, i) => (c * a + behind[i] * (255 - a)) / 255);
        };
        const light = (colour) => colour.map((c) => c / 255)
          .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
          .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
        const all = [];
        const unseen = '.stack, noscript, script, style';
        for (const node of document.querySelectorAll('body *')) {
          const own = [...node.childNodes].some((each) => each.nodeType === 3 && each.data.trim());
          if (!own || !node.checkVisibility() || node.closest(unseen)) continue;
          const style = getComputedStyle(node);
          const text = rgba(node instanceof SVGElement ? style.fill : style.color);
          const pair = [light(text.slice(0, 3)), light(ground(node))].sort((a, b) => b - a);
          const large = parseFloat(style.fontSize) >= 24;
          const contrast = (pair[0] + 0.05) / (pair[1] + 0.05);
          const said = node.tagName + ' ' + node.textContent.trim().slice(0, 30);
          all.push([contrast / (large ? 3 : 4.5), said]);
        }
        return all.sort((a, b) => a[0] - b[0]);
        """,
    )
    assert len(found) > 200
    assert [each for each in found if each[0] < 1] == []


def test_before_print_every_map_of_the_page_is_drawn(page):
    run(page, "dispatchEvent(new Event('beforeprint'))")
    blank = (
        "return [...document.querySelectorAll('.card canvas')].filter((each) =>"
        " each.getContext('2d').getImageData(0, 0, 1, 1).data[3] === 0).length"
    )
    assert run(page, blank) == 0


def test_without_scripts_the_leaderboard_and_the_problems_are_there(driver, report):
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        driver.get(report.as_uri())
        means = Results.load(report.parent).intervals["mean"].dropna()
        shown_text = driver.find_element("id", "leaderboard").text
        assert all(f"{mean:.3f}" in shown_text for mean in means)
        assert driver.find_element("id", "problems").is_displayed()
        assert "no box" in driver.find_element("id", "problems").text
        assert not driver.find_element("id", "filters").is_displayed()
        assert "does not run" in driver.find_element("tag name", "noscript").text
    finally:
        driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def until(true, seconds=5.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


A4_LANDSCAPE = 297, 210  # millimetres
PIXELS = 96 / 25.4  # of CSS, a millimetre


def test_print_opens_what_is_closed_and_says_what_is_left_out(page):
    closed = "return document.querySelectorAll('details:not([open])').length"
    status = "return document.getElementById('gallery-status').textContent"
    before = run(page, closed), run(page, status)
    assert before[0] > 0
    run(page, "document.getElementById('cards').lastElementChild.remove()")
    run(page, "dispatchEvent(new Event('beforeprint'))")
    assert run(page, closed) == 0
    left = run(page, "return document.getElementById('cards').childElementCount")
    assert run(page, status) == f"{before[1]} The first {left} are printed."
    run(page, "dispatchEvent(new Event('afterprint'))")
    assert (run(page, closed), run(page, status)) == before


def test_print_is_light_and_without_controls(page):
    run(page, "document.documentElement.dataset.theme = 'dark'")
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        seen = run(
            page,
            """
            const hidden = (name) => getComputedStyle(document.querySelector(name)).display === "none";
            return {
              ground: getComputedStyle(document.body).backgroundColor,
              controls: ["#filters", "#gallery-controls", "#theme"].map(hidden),
              status: hidden("#gallery-status"),
            };
            """,
        )
        assert seen["ground"] in ("rgb(255, 255, 255)", "rgba(0, 0, 0, 0)")
        assert seen["controls"] == [True, True, True]
        assert not seen["status"]
    finally:
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
        run(page, "delete document.documentElement.dataset.theme")


@pytest.fixture
def printed(driver, tmp_path):
    """A report of full width, laid out as on paper, and the paper's width less its margins."""
    driver.get(write_report(Results.load(wide(tmp_path / "run"))).path.as_uri())
    pdf = base64.b64decode(
        driver.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})["data"]
    )
    (box,) = set(re.findall(rb"/MediaBox ?\[([^]]*)\]", pdf))
    left, bottom, right, top = (float(side) * 25.4 / 72 for side in box.split())
    margin = (
        "return [...document.styleSheets[0].cssRules].find((one) => one.type === 6).style.marginLeft"
    )
    assert run(driver, margin) == "12mm"
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    size = {"width": int((right - left - 24) * PIXELS), "height": int((top - bottom - 24) * PIXELS)}
    more = {"deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {**size, **more})
    yield driver, (right - left, top - bottom)
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_wide_report_is_printed_across_and_fits_the_paper(printed):
    page, paper = printed
    assert paper == pytest.approx(A4_LANDSCAPE, abs=0.5)
    over = run(
        page,
        """
        return [document.documentElement, ...document.querySelectorAll(".scroll")]
          .filter((each) => each.checkVisibility())
          .map((each) => [each.ariaLabel ?? "the page", each.scrollWidth - each.clientWidth])
          .filter(([, over]) => over > 0);
        """,
    )
    assert over == [], over
    assert run(page, "return document.querySelector('table.board').rows[0].cells.length") > 11
