"""The loading benchmark goes through all images, both ways the same."""

import subprocess
import sys
from importlib import import_module

import pytest
import readme
import torch

from xaibench.engine.images.pictures import decode
from xaibench.engine.images.prefetch import ahead


@pytest.fixture(scope="module")
def loading():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(readme.ROOT / "benchmarks"))
        yield import_module("loading")


def test_both_ways_load_the_same_images_none_of_them_twice(loading, tmp_path):
    loading.make_folder(tmp_path, 7)
    shards = loading.shards_of(tmp_path, 6)
    assert [len(shard) for shard in shards] == [4, 2]
    plain = [p for shard in loading.one_after_the_other(shards) for p in shard]
    threaded = [p for shard in ahead(shards, lambda s: decode(s, loading.PREPROCESS)) for p in shard]
    assert all(picture.error is None for picture in plain)
    assert len({picture.sha for picture in plain}) == 6
    for one, other in zip(plain, threaded, strict=True):
        torch.testing.assert_close(one.pixels, other.pixels, rtol=0, atol=0)


def test_the_work_is_part_of_the_time(loading, tmp_path):
    loading.make_folder(tmp_path, 4)
    shards = loading.shards_of(tmp_path, 4)
    assert loading.images_a_second(shards, True, work=0.1) <= 10


def test_memory_is_that_of_this_process():
    code = (
        "import torch; from loading import resident; before = resident(); "
        "held = torch.ones(64 << 18); print(resident() - before)"  # 64 MiB of float32
    )
    command = [sys.executable, "-c", code]  # a young process: an old one has room to spare
    said = subprocess.run(command, cwd=readme.ROOT / "benchmarks", capture_output=True, check=True)
    assert 60 < float(said.stdout) < 80
