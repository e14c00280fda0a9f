"""Write docs/reproducing.md: the protocols of published figures, as `xaibench reproduce` knows them.

python docs/make_reproducing_page.py
"""

from collections.abc import Iterable
from pathlib import Path

from xaibench.report.export import markdown_text
from xaibench.results.published import Protocol, protocols

PAGE = Path(__file__).with_name("reproducing.md")
HEAD = """# Published figures, and ours beside them

Written by `python docs/make_reproducing_page.py` from `xaibench/results/published.toml`.

`xaibench reproduce PROTOCOL --data NAME:PATH` runs a protocol on your copy of the images and prints
ours, with 95 % intervals over images, beside theirs; `xaibench reproduce` lists the protocols. No
protocol is to be compared with another: each has its own network, images and masking.

"Figures checked against the source" were compared with the table that is named, and are shown. "Figures
unverified" are from memory or from somebody else's account (tags M and S of that file): "unverified"
stands here, and in what the command prints, until somebody has looked.
Where we lack a method, a network or a choice of images, it is said. Weights come from
torchvision's cache or its server; `--models torchvision:resnet50=FILE` takes a file, and
`--models torchvision:resnet50=random` shows that a protocol runs: the output then says that it is a
stand-in.

We have run none of these on the papers' data. One was run whole
[on a stand-in](reproducing-stand-in.md).
"""


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(protocols().values()), encoding="utf-8")


def page(protocols: Iterable[Protocol]) -> str:
    """Return the whole page."""
    return HEAD + "".join(map(entry, protocols))


def entry(protocol: Protocol) -> str:
    """Return the section of one protocol: its description, its requirements and its figures."""
    facts = [
        f"model `{protocol.model}`" if protocol.model else "",
        f"data `{protocol.data}`",
        f"{protocol.images:,} images" if protocol.images else "",
        f"preprocessing: {protocol.preprocessing}" if protocol.preprocessing else "",
        "figures checked against the source" if protocol.verified else "figures unverified",
    ]
    lines = [
        f"\n## {protocol.name}\n",
        f"{protocol.source}. {protocol.says[:1].upper()}{protocol.says[1:]}.",
    ]
    lines += ["", f"*{'; '.join(fact for fact in facts if fact)}*", ""]
    if protocol.figures:
        lines += [*table(protocol), ""]
    lines += [f"- {text}" for text in protocol.differs]
    lines += [f"- **We lack** {protocol.lacks}." if protocol.lacks else f"- {command(protocol)}"]
    return "\n".join(lines) + "\n"


def command(protocol: Protocol) -> str:
    """Return the command that reproduces a protocol."""
    return f"`xaibench reproduce {protocol.name} --data {protocol.data}:PATH`"


def table(protocol: Protocol) -> list[str]:
    """Return the table of published figures, with our name for each method."""
    heads = ["method", *(f"{one.theirs} (`{one.ours}`)" for one in protocol.metrics), "ours"]
    lines = [f"| {' | '.join(heads)} |", f"| --- |{' ---: |' * len(protocol.metrics)} --- |"]
    for method in protocol.figures:
        figures = [protocol.figure(method, place) for place in range(len(protocol.metrics))]
        ours = f"`{protocol.explainers[method]}`" if method in protocol.explainers else "lacking"
        lines.append(f"| {' | '.join([markdown_text(method), *figures, ours])} |")
    return lines


if __name__ == "__main__":
    main()
