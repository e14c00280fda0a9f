"""Photograph a report for docs/report.md: light, dark and as wide as a telephone.

    xaibench run --config docs/report.toml --output results/three-models
    PYTHONPATH=benchmarks python docs/make_report_pictures.py results/three-models/report.html

Writes report-light.jpg, report-dark.jpg and report-phone.jpg beside this file. Needs the extra
`browser`, Chromium and its driver.
"""

import argparse
from io import BytesIO
from pathlib import Path
from typing import Any

from browser import opened
from PIL import Image

HERE = Path(__file__).parent
SHOTS = (  # name, scheme, width and height of the window, what is at its top
    ("light", "light", 1280, 1330, "body"),
    ("dark", "dark", 1280, 1330, "#gallery"),
    ("phone", "light", 390, 1300, "#curves"),
)
QUALITY, LARGEST = 82, 200_000


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("report", type=Path)
    url = parser.parse_args().report.resolve().as_uri()
    with opened(["--hide-scrollbars"]) as driver:
        for name, scheme, width, height, top in SHOTS:
            content = photograph(driver, url, scheme, width, height, top)
            path = HERE / f"report-{name}.jpg"
            path.write_bytes(content)
            print(f"{path.name}: {len(content):,} bytes")


def photograph(driver: Any, url: str, scheme: str, width: int, height: int, top: str) -> bytes:
    """Write a JPEG of the page below `top`, once its maps are drawn."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    driver.get(url)
    driver.execute_script("document.querySelector(arguments[0]).scrollIntoView()", top)
    driver.execute_async_script("requestAnimationFrame(() => setTimeout(arguments[0], 300))")
    picture = Image.open(BytesIO(driver.get_screenshot_as_png())).convert("RGB")
    for quality in range(QUALITY, 0, -6):
        with BytesIO() as file:
            picture.save(file, "JPEG", quality=quality, optimize=True)
            if file.tell() < LARGEST:
                return file.getvalue()
    raise SystemExit(f"{url} does not fit into {LARGEST:,} bytes")


if __name__ == "__main__":
    main()
