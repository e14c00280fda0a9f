"""Files that are there whole or not at all, also after the power is gone."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

CANNOT_SYNC = (errno.EINVAL, errno.ENOTSUP)  # what file systems say that know of no sync of a folder


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to be written: aside, then synced, then renamed, and the new name synced too.

    Raises:
        OSError: there is no room, or no right to write; nothing is left of what was begun.
    """
    aside = path.with_name(f".{path.name}.part")
    try:
        with aside.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
        sync_folder(path.parent)
    finally:
        aside.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """A text file, there whole or not at all."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """A file, there whole or not at all."""
    with whole_file(path) as file:
        file.write(content)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk: a file's own sync says nothing of its name."""
    if os.name == "nt":  # which opens no folder
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in CANNOT_SYNC:
            raise
    finally:
        os.close(handle)
