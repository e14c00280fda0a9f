"""Opens Chromium or Chrome without a window and without access to the network."""

import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from tempfile import TemporaryDirectory
from typing import Any

BINARIES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DRIVER = "chromedriver"
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--force-prefers-reduced-motion",
)


def browser_and_driver() -> tuple[str, str]:
    """Return the first browser of the driver's version, and the driver.

    Raises:
        LookupError: without selenium, the driver, or a browser of the driver's version.
    """
    if find_spec("selenium") is None:
        raise LookupError("the package selenium is not installed")
    driver = shutil.which(DRIVER)
    if driver is None:
        raise LookupError(f"there is no {DRIVER}")
    binaries = [path for name in BINARIES if (path := shutil.which(name))]
    for binary in binaries:
        if version(binary) == version(driver):  # a driver refuses browsers of other versions
            return binary, driver
    raise LookupError(
        f"of {', '.join(BINARIES)} none is of the version of {driver}; there are: {binaries}"
    )


def version(program: str) -> str:
    """Return the major version that a program prints."""
    printed = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    number = re.search(r"(\d+)\.", printed)
    return number[1] if number else printed


@contextmanager
def opened(flags: Sequence[str] = (), logs: Sequence[str] = ()) -> Iterator[Any]:
    """Give Selenium's driver of a browser with a fresh profile, and close it at the end.

    Args:
        flags: of the command line, besides FLAGS.
        logs: which of the browser's logs are kept: "browser", "performance".

    Raises:
        LookupError: as `found`.
    """
    binary, driver = browser_and_driver()
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = binary
    options.set_capability("goog:loggingPrefs", dict.fromkeys(logs, "ALL"))
    with TemporaryDirectory() as profile:
        for flag in (*FLAGS, *flags, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        browser = webdriver.Chrome(options=options, service=Service(driver))
        try:
            yield browser
        finally:
            browser.quit()
