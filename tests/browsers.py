"""A test without a browser is skipped, or fails where one has to be there."""

import os

import browser
import pytest

REQUIRED = "XAIBENCH_BROWSER"  # set where a test that is skipped for want of a browser is a failure


def needed() -> None:
    """Skip the test where there is no browser, or fail it where one has to be there."""
    try:
        browser.browser_and_driver()
    except LookupError as lacking:
        if os.environ.get(REQUIRED):
            pytest.fail(f"{lacking}, and {REQUIRED} says that it has to be there")
        pytest.skip(str(lacking))
