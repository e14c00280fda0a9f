"""A browser is found by any of its names; where it has to be there, its lack is no skip."""

import browser
import browsers
import pytest


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """A path on which nothing is but programs that say which version they are."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(browsers.REQUIRED, raising=False)
    monkeypatch.setattr(browser, "find_spec", lambda name: name)

    def put(name, said):
        (tmp_path / name).write_text(f"#!/bin/sh\necho '{said}'\n")
        (tmp_path / name).chmod(0o755)
        return str(tmp_path / name)

    return put


@pytest.mark.parametrize(
    "name", ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
)
def test_each_name_of_a_browser_is_found(programs, name):
    driver = programs("chromedriver", "ChromeDriver 131.0.1 (a21c-refs/heads/678)")
    binary = programs(name, "Google Chrome 131.0.6778.85")
    assert browser.browser_and_driver() == (binary, driver)


def test_a_browser_that_the_driver_is_not_made_for_is_passed_by(programs):
    driver = programs("chromedriver", "ChromeDriver 131.0.1")
    programs("chromium", "Chromium 130.0.6723.116 built on Debian")
    fitting = programs("google-chrome", "Google Chrome 131.0.6778.85")
    assert browser.browser_and_driver() == (fitting, driver)


@pytest.mark.parametrize("there", [(), ("chromedriver",), ("chromium",)])
def test_what_is_lacking_skips_or_fails_where_it_has_to_be_there(programs, monkeypatch, there):
    for name in there:
        programs(name, "131.0")
    with pytest.raises(pytest.skip.Exception):
        browsers.needed()
    monkeypatch.setenv(browsers.REQUIRED, "required")
    with pytest.raises(pytest.fail.Exception, match="has to be there"):
        browsers.needed()


def test_without_selenium_there_is_no_browser(programs, monkeypatch):
    programs("chromedriver", "131.0")
    programs("chromium", "131.0")
    monkeypatch.setattr(browser, "find_spec", lambda name: None)
    with pytest.raises(pytest.skip.Exception, match="selenium"):
        browsers.needed()
