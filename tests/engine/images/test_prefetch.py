"""Pictures before they are asked for, in order, and never more than two shards of them."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier, Event, Lock
from typing import NamedTuple
from weakref import WeakSet

import numpy as np
import pytest
import torch
import toys
from toy_runs import grow

from xaibench.api.batch import Example, Preprocess
from xaibench.engine.images import prefetch as loading
from xaibench.engine.images.pictures import decode
from xaibench.engine.images.prefetch import ResizedImageCache, ahead, on_device, sent_to_device
from xaibench.engine.work import block_worker as task_worker

PREPROCESS = Preprocess((16, 16))


def test_shards_come_in_order_as_without_threads():
    shards = [[1, 2, 3], [4], [], [5, 6]]
    assert list(ahead(shards, lambda n: n * n)) == [[n * n for n in shard] for shard in shards]
    assert list(ahead([], abs)) == []


def test_the_next_shard_is_made_while_one_is_worked_on():
    made = Event()
    work = ahead([[0], [1]], lambda n: made.set() if n else None)
    next(work)
    assert made.wait(5)
    assert list(work) == [[None]]


def test_images_of_a_shard_are_made_in_parallel():
    together = Barrier(2, timeout=5)  # raises where one waits for the other
    assert len(next(ahead([[0, 1]], lambda _: together.wait(), threads=2))) == 2


def test_no_more_than_one_shard_is_ahead():
    begun, lock = [], Lock()

    def make(number):
        with lock:
            begun.append(number)

    for done, _ in enumerate(ahead([[n] for n in range(20)], make)):
        assert len(begun) <= done + 2


def test_however_many_shards_there_are_few_are_held():
    class Held:
        """Stands for a picture."""

    alive, most = WeakSet(), 0

    def make(_):
        held = Held()
        with lock:
            alive.add(held)
        return held

    lock = Lock()
    for _ in ahead([[n, n] for n in range(50)], make):
        with lock:
            most = max(most, len(alive))
    assert 2 <= most <= 2 * 3  # the one worked on, the next, and the caller's last


def test_what_fails_is_raised_where_its_shard_is_asked_for_and_no_thread_is_left():
    work = ahead([[1], [0]], lambda n: 1 // n)
    assert next(work) == [1]
    with pytest.raises(ZeroDivisionError):
        next(work)


def example(name="a", number=0, opened=None, **facts):
    def image():
        if opened is not None:
            opened.append(name)
        return toys.picture(number)

    return (Example(name, image, 0, **facts),)


def test_a_kept_image_is_what_it_would_be_for_another_mean_and_std():
    opened, shelf = [], ResizedImageCache()
    other = Preprocess((16, 16), mean=(0.5, 0.4, 0.3), std=(1.0, 0.5, 0.25))
    same = example(opened=opened, mask=lambda: np.ones((toys.SIDE, toys.SIDE + 4), dtype=bool))
    for preprocess in (PREPROCESS, other):
        kept, plain = shelf.decode("data", same, preprocess, None, keep=True), decode(same, preprocess)
        torch.testing.assert_close(kept.pixels, plain.pixels, rtol=0, atol=0)
        assert (kept.sha, kept.size) == (plain.sha, plain.size)
        assert [region.sha for region in kept.regions] == [region.sha for region in plain.regions]
    assert len(opened) == 1 + 2  # once for the shelf, and each time without it
    assert shelf.used == 3 * 16 * 16 + toys.SIDE * (toys.SIDE + 4)


@pytest.mark.parametrize("other", [Preprocess((8, 8)), Preprocess((16, 16), crop=0.5)])
def test_another_size_or_crop_is_another_image(other):
    shelf = ResizedImageCache()
    shelf.decode("data", example(), PREPROCESS, None, keep=True)
    found = shelf.decode("data", example(), other, None, keep=True)
    torch.testing.assert_close(found.pixels, decode(example(), other).pixels, rtol=0, atol=0)


def test_only_what_fits_is_kept_and_what_is_forgotten_makes_room():
    opened, shelf = [], ResizedImageCache(room=2 * 3 * 16 * 16)
    for _ in range(2):
        for name in "abc":
            shelf.decode("data", example(name, opened=opened), PREPROCESS, None, keep=True)
    assert opened == ["a", "b", "c", "c"]
    shelf.forget("data")
    assert (shelf.used, shelf.kept) == (0, {})


def test_what_no_other_model_wants_is_not_kept():
    shelf = ResizedImageCache()
    shelf.decode("data", example(), PREPROCESS, None, keep=False)
    assert (shelf.used, shelf.kept) == (0, {})


def test_a_kept_image_is_still_held_against_the_subset():
    shelf = ResizedImageCache()
    fine = shelf.decode("data", example(), PREPROCESS, None, keep=True)
    assert shelf.decode("data", example(), PREPROCESS, fine.sha, keep=True).error is None
    assert "has the hash" in str(shelf.decode("data", example(), PREPROCESS, "0", keep=True).error)


@pytest.mark.parametrize("ahead_of_it", [True, False])
@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_a_batch_on_the_device_is_the_images(device, ahead_of_it):
    images, on = [torch.rand(3, 4, 5) for _ in range(3)], torch.device(device)
    sent = [sent_to_device(image, on) for image in images] if ahead_of_it else images
    batch = on_device(sent, on)
    assert batch.device.type == device
    torch.testing.assert_close(batch.cpu(), torch.stack(images), rtol=0, atol=0)


class Copying(NamedTuple):
    """A stream of a GPU that there is not."""

    name: str
    happened: list[str]

    def wait_stream(self, other):
        self.happened.append(f"{self.name} waits for {other.name}")


def test_images_go_to_a_gpu_beside_its_work_which_waits_for_them(monkeypatch):
    happened, current = [], ["working"]
    streams = {name: Copying(name, happened) for name in ("working", "copying")}

    @contextmanager
    def using(stream):
        current.append(stream.name)
        yield
        current.pop()

    def pinned(image):
        happened.append("pinned")
        return image

    def moved(image, device, non_blocking=False):
        happened.append(f"sent by {current[-1]}, {'not ' * non_blocking}waited for")
        return image

    monkeypatch.setattr(loading, "copying", lambda device: streams["copying"])
    monkeypatch.setattr(torch.cuda, "stream", using)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: streams[current[-1]])
    monkeypatch.setattr(torch.Tensor, "pin_memory", pinned)
    monkeypatch.setattr(torch.Tensor, "to", moved)
    gpu, image = torch.device("cuda"), torch.rand(3, 4, 5)
    sent = sent_to_device(image, gpu)
    assert happened == ["pinned", "sent by copying, not waited for"]
    batch = on_device([sent], gpu)
    assert happened[2:] == ["working waits for copying", "sent by working, waited for"]  # which is there
    assert torch.equal(batch[0], image)


def test_a_worker_sends_what_it_decodes(monkeypatch, tmp_path):
    """While the network works on the shard before."""
    sent = []
    monkeypatch.setattr(
        task_worker, "sent_to_device", lambda image, device: sent.append(device) or image
    )
    images = grow(tmp_path, ("mean-gradient",)).rows["image"].nunique()
    assert sent == images * [torch.device("cpu")]


def test_decoding_threads_compute_on_one_core_and_leave_the_others_theirs():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        ones = torch.ones(1 << 20)
        work = ahead([[0, 1], [2]], lambda _: (ones.add(1).sum(), torch.get_num_threads())[1])
        assert [found for shard in work for found in shard] == [1, 1, 1]
        assert torch.get_num_threads() == 3
        with ThreadPoolExecutor(1) as later:
            assert later.submit(torch.get_num_threads).result() == 3
    finally:
        torch.set_num_threads(before)
