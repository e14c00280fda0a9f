"""Commands and report sections, some of them broken."""

from pathlib import Path

from xaibench.api.reporting import SectionContent


def greet(name: str = "you") -> None:
    """Greet somebody."""


def wordless(name: str = "you") -> None: ...  # fmt: skip


def unreadable(name: int | str) -> None:
    """Take what no command line can give."""


def empty(folder: Path):
    return None


def counted(folder: Path):
    return SectionContent((f"{len(list(folder.iterdir()))} files",))


def markup(folder: Path):
    return "<b>bold</b>"


def raising(folder: Path):
    raise ValueError("nothing here")


def writing(folder: Path):
    (folder / "note.txt").write_text("I was here")
