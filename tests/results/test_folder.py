"""Files are there whole or not at all, and what failed is not there."""

import errno
import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest
from tables import rows

from xaibench.results.folder import PresentImage, RunFolder, sha_of, write_text
from xaibench.results.rows import write_rows


def test_what_failed_is_not_present(tmp_path):
    folder = RunFolder.open(tmp_path / "run", "")
    good, bad = rows([[1.0], [2.0]], ["cam"], inputs_sha="1f", image_sha="2e")
    folder.write("block", "0", [good, replace(bad, status="failed", reason="broken")])
    assert folder.present("block") == {"i0": PresentImage("1f", frozenset({good.cell}), "2e")}


def test_a_cell_that_failed_for_one_class_of_an_image_is_not_present(tmp_path):
    folder = RunFolder.open(tmp_path / "run", "")
    (good,) = rows([[1.0]], ["cam"], target=0)
    bad = replace(good, target=1, status="failed", reason="broken")
    other = replace(good, cell="another")
    for key, failed_first in (("0", [bad, good, other]), ("1", [good, other, bad])):
        folder.write("block", key, failed_first)
        assert folder.present("block") == {"i0": PresentImage("", frozenset({"another"}))}


WRITERS = [lambda path: write_text(path, "new"), lambda path: write_rows(path, rows([[1.0]]))]


@pytest.mark.parametrize("write", WRITERS, ids=["text", "rows"])
def test_a_file_is_on_the_disk_before_it_has_its_name_and_then_so_is_the_name(
    tmp_path, monkeypatch, write
):
    done, sync, rename = [], os.fsync, Path.replace

    def synced(handle):
        of_folder = os.path.samestat(os.fstat(handle), tmp_path.stat())
        done.append("the name" if of_folder else "the file")
        sync(handle)

    def named(path, target):
        done.append("named")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", named)
    write(tmp_path / "file")
    assert done == ["the file", "named", "the name"]


@pytest.mark.parametrize("code", [errno.EINVAL, errno.EIO])
def test_a_file_system_that_syncs_no_folder_is_written_to_and_a_broken_disk_is_said(
    tmp_path, monkeypatch, code
):
    sync = os.fsync

    def synced(handle):
        if os.path.samestat(os.fstat(handle), tmp_path.stat()):
            raise OSError(code, os.strerror(code))
        sync(handle)

    monkeypatch.setattr(os, "fsync", synced)
    if code == errno.EIO:
        with pytest.raises(OSError, match=os.strerror(code)):
            write_text(tmp_path / "file", "new")
    else:
        write_text(tmp_path / "file", "new")
        assert (tmp_path / "file").read_text() == "new"


@pytest.mark.parametrize("write", WRITERS, ids=["text", "rows"])
def test_a_write_that_fails_leaves_what_was_there(tmp_path, monkeypatch, write):
    (tmp_path / "file").write_text("old")

    def full(handle):
        raise OSError("no room")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no room"):
        write(tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "old"


def test_a_hash_is_of_the_whole_file(tmp_path):
    content = bytes(1 << 20) + b"the end"
    (tmp_path / "file").write_bytes(content)
    assert sha_of(tmp_path / "file") == hashlib.sha256(content).hexdigest()
