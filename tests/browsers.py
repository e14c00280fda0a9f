"""Which browser the report is opened in: Chromium or Chrome, whatever its binary is called."""

import os
import re
import shutil
import subprocess
from importlib.util import find_spec
from typing import NoReturn

import pytest

BINARIES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DRIVER = "chromedriver"
REQUIRED = "XAIBENCH_BROWSER"  # set where a test that is skipped for want of a browser is a failure


def browser() -> tuple[str, str]:
    """The first browser that the driver is made for, and the driver; skips the test without one."""
    if find_spec("selenium") is None:
        lacking("the package selenium is not installed")
    driver = shutil.which(DRIVER)
    if driver is None:
        lacking(f"there is no {DRIVER}")
    found = [path for name in BINARIES if (path := shutil.which(name))]
    for binary in found:
        if version(binary) == version(driver):  # a driver refuses browsers of other versions
            return binary, driver
    lacking(f"of {', '.join(BINARIES)} none is of the version of {driver}; there are: {found}")


def version(program: str) -> str:
    """The number before the first dot of what a program says of its version."""
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"(\d+)\.", said)
    return found[1] if found else said


def lacking(why: str) -> NoReturn:
    """Skip the test, or fail it where a browser has to be there."""
    if os.environ.get(REQUIRED):
        pytest.fail(f"{why}, and {REQUIRED} says that it has to be there")
    pytest.skip(why)
