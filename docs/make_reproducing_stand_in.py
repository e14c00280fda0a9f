"""Run a whole protocol on a stand-in, and write its output into docs/reproducing-stand-in.md.

    PYTHONPATH=benchmarks python docs/make_reproducing_stand_in.py [--protocol NAME] [--images 2]

The images are built-in photographs laid out as ImageNet's validation folder; the weights are random. All
else is the protocol's own, RISE's 8,000 masks an image too: minutes an image.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from marked_blocks import put

from xaibench.engine.discovery.registry import installed
from xaibench.results.published import protocol_called

PAGE = Path(__file__).with_name("reproducing-stand-in.md")
SYNSETS = ("n01440764", "n01443537")  # tench, goldfish: the photographs are of neither


def main() -> None:
    """Lay the folder, run the command, write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--protocol", default="rise-resnet50")
    parser.add_argument("--images", type=int, default=2)
    given = parser.parse_args()
    network = protocol_called(given.protocol).model.partition("=")[0]
    arguments = ["reproduce", given.protocol, "--data", "imagenet:stand-in"]
    arguments += ["--models", f"{network}=random"]
    with TemporaryDirectory() as folder:
        laid = lay(Path(folder) / "stand-in", given.images)
        began = perf_counter()
        output = subprocess.run(
            [sys.executable, "-m", "xaibench", *arguments, "--quiet"],
            cwd=folder,
            env=os.environ | {"COLUMNS": "100"},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout
        minutes = (perf_counter() - began) / 60
    files, command = "\n".join(laid), " ".join(arguments)
    printed = "\n".join(line.rstrip() for line in output.splitlines())
    put(PAGE, "stand-in", f"```text\n{files}\n```\n\n```text\n$ xaibench {command}\n{printed}\n```")
    put(
        PAGE, "minutes", f"{minutes:.0f} minutes for {given.images} images; {os.cpu_count()} processors."
    )


def lay(folder: Path, count: int) -> list[str]:
    """Write photographs as `val/<synset>/ILSVRC2012_val_<number>.JPEG`; return their paths."""
    examples = installed().dataset("photos").load()()
    laid = []
    for number in range(1, count + 1):
        synset = SYNSETS[(number - 1) % len(SYNSETS)]
        path = folder / "val" / synset / f"ILSVRC2012_val_{number:08}.JPEG"
        path.parent.mkdir(parents=True, exist_ok=True)
        examples[number - 1].open().convert("RGB").save(path, "JPEG", quality=95)
        laid.append(path.relative_to(folder.parent).as_posix())
    return laid


if __name__ == "__main__":
    main()
