import gzip
import pickle
import struct

import numpy as np
import pytest
import torch
from torchvision.datasets.mnist import read_image_file, read_label_file
from xaibench_datasets.cifar import PIXELS, cifar10, cifar100
from xaibench_datasets.mnist import mnist

from xaibench.api import DataError
from xaibench.engine.discovery.registry import installed

IMAGES = np.random.default_rng(0).integers(0, 256, (4, PIXELS), dtype=np.uint8)
NAMES = ["airplane", "automobile", "bird", "labels of cats", "deer"]


def as_pictures(images):
    return images.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)


def python2(batch: bytes, labels, images) -> bytes:
    """A batch as Python 2 pickled the release: byte strings, and the array by its own bytes."""

    def short(text: bytes) -> bytes:
        return b"U" + bytes([len(text)]) + text

    array = (
        b"cnumpy.core.multiarray\n_reconstruct\nq\x04(cnumpy\nndarray\nq\x05K\x00\x85"
        + short(b"b")
        + b"tRq\x06"
        b"(K\x01"
        + b"M"
        + struct.pack("<H", len(images))
        + b"M\x00\x0c\x86cnumpy\ndtype\nq\x07("
        + short(b"u1")
        + b"K\x00K\x01tRq\x08(K\x03"
        + short(b"|")
        + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        + b"\x89T"
        + struct.pack("<i", images.nbytes)
        + images.tobytes()
        + b"tb"
    )
    listed = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    files = b"](" + b"".join(short(b"cat_%d.png" % i) for i in range(len(labels))) + b"e"
    return (
        b"\x80\x02}q\x01("
        + short(b"batch_label")
        + short(batch)
        + short(b"labels")
        + listed
        + short(b"data")
        + array
        + short(b"filenames")
        + files
        + b"u."
    )


@pytest.mark.parametrize("form", ["python 2", 2, 4, "binary"])
def test_cifar_10_in_both_releases(tmp_path, form):
    labels = [3, 0, 3, 4]
    folder = tmp_path / ("cifar-10-batches-bin" if form == "binary" else "cifar-10-batches-py")
    folder.mkdir()
    if form == "binary":
        records = np.concatenate([np.array(labels, dtype=np.uint8)[:, None], IMAGES], 1)
        (folder / "test_batch.bin").write_bytes(records.tobytes())
        (folder / "batches.meta.txt").write_text("\n".join(NAMES) + "\n\n")
    else:
        batch = {
            b"batch_label": b"testing batch 1 of 1",
            b"labels": labels,
            b"data": IMAGES,
            b"filenames": [b"x"],
        }
        content = (
            python2(b"testing", labels, IMAGES)
            if form == "python 2"
            else pickle.dumps(batch, protocol=form)
        )
        (folder / "test_batch").write_bytes(content)
        meta = {"num_cases_per_batch": 10000, "label_names": NAMES, "num_vis": 3072}
        (folder / "batches.meta").write_bytes(pickle.dumps(meta, protocol=2))
    found = cifar10(tmp_path)
    assert [(e.target, e.label) for e in found] == [(k, NAMES[k]) for k in labels]
    for example, expected in zip(found, as_pictures(IMAGES), strict=True):
        np.testing.assert_array_equal(np.asarray(example.open()), expected)
    assert found[1].id == "cifar-10-test-00001"


@pytest.mark.parametrize("binary", [True, False])
def test_cifar_100_has_its_fine_labels(tmp_path, binary):
    fine, coarse = [99, 0, 5, 7], [19, 1, 2, 3]
    if binary:
        records = np.concatenate([np.array([coarse, fine], dtype=np.uint8).T, IMAGES], 1)
        (tmp_path / "test.bin").write_bytes(records.tobytes())
    else:
        batch = {"filenames": ["x"] * 4, "fine_labels": fine, "coarse_labels": coarse, "data": IMAGES}
        (tmp_path / "test").write_bytes(pickle.dumps(batch, protocol=2))
    found = cifar100(tmp_path)
    assert [e.target for e in found] == fine
    np.testing.assert_array_equal(np.asarray(found[3].open()), as_pictures(IMAGES)[3])


class Bomb:
    def __reduce__(self):
        return (open, ("/nonexistent/bomb", "w"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pickle.dumps({"labels": [1, 2], "data": IMAGES}), "has 2 labels and 12288 bytes of pixels"),
        (pickle.dumps({"labels": [1], "data": Bomb()}), "has 1 labels and"),
        (b"no pickle", "cannot be read"),
        (pickle.dumps({"labels": [1] * 4, "data": IMAGES})[:5000], "cannot be read"),
    ],
)
def test_a_damaged_or_evil_pickle_is_not_loaded(tmp_path, content, message):
    (tmp_path / "test_batch").write_bytes(content)
    with pytest.raises(DataError, match=f"test_batch.*{message}"):
        cifar10(tmp_path)


def test_a_binary_file_cut_short_is_named(tmp_path):
    (tmp_path / "test.bin").write_bytes(bytes(3074 + 5))
    with pytest.raises(DataError, match=r"test.bin has 3079 bytes; expected records of 3074"):
        cifar100(tmp_path)
    with pytest.raises(DataError, match=r"has neither test_batch.bin nor test_batch of CIFAR-10"):
        cifar10(tmp_path)


def idx(values: np.ndarray) -> bytes:
    return struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape) + values.tobytes()


DIGITS = np.random.default_rng(1).integers(0, 256, (3, 28, 28), dtype=np.uint8)
LABELS = np.array([7, 0, 9], dtype=np.uint8)


def family(folder, prefix="t10k", zipped=False):
    folder.mkdir(parents=True, exist_ok=True)
    for kind, values in (("images-idx3-ubyte", DIGITS), ("labels-idx1-ubyte", LABELS)):
        name = f"{prefix}-{kind}" + (".gz" if zipped else "")
        (folder / name).write_bytes(gzip.compress(idx(values)) if zipped else idx(values))


@pytest.mark.parametrize(("zipped", "below"), [(False, ""), (True, ""), (False, "MNIST/raw")])
def test_mnist_is_what_torchvision_reads(tmp_path, zipped, below):
    family(tmp_path / below, zipped=zipped)
    found = mnist(tmp_path)
    if not zipped:
        images = read_image_file(str(tmp_path / below / "t10k-images-idx3-ubyte"))
        labels = read_label_file(str(tmp_path / below / "t10k-labels-idx1-ubyte"))
        assert torch.equal(images, torch.from_numpy(DIGITS))
        assert labels.tolist() == LABELS.tolist()
    assert [e.target for e in found] == LABELS.tolist()
    assert found[0].label == "7 seven"
    for example, expected in zip(found, DIGITS, strict=True):
        np.testing.assert_array_equal(np.asarray(example.open())[..., 2], expected)


@pytest.mark.parametrize(
    ("name", "folder", "prefix"),
    [
        ("fashion-mnist", "FashionMNIST/raw", "t10k"),
        ("kmnist", "KMNIST/raw", "t10k"),
        ("emnist", "gzip", "emnist-balanced-test"),
    ],
)
def test_its_kin_are_read_by_their_names(tmp_path, name, folder, prefix):
    family(tmp_path / folder, prefix)
    found = installed().dataset(name).load()(tmp_path)
    expected = DIGITS.transpose(0, 2, 1) if name == "emnist" else DIGITS
    np.testing.assert_array_equal(np.asarray(found[2].open())[..., 0], expected[2])
    assert found[2].label


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (idx(DIGITS)[:-1], "has 2351 bytes; its head says 3 x 28 x 28"),
        (idx(LABELS), "no idx file of bytes in 3 dimensions"),
        (b"", "no idx file"),
        (
            struct.pack(">BBBBIII", 0, 0, 8, 3, 2**32 - 1, 2**32 - 1, 2**32 - 1),
            "has 0 bytes; its head says",
        ),
    ],
)
def test_an_idx_file_that_lies_is_named(tmp_path, content, message):
    family(tmp_path)
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(content)
    with pytest.raises(DataError, match=f"t10k-images-idx3-ubyte.*{message}"):
        mnist(tmp_path)


def test_a_zipped_file_cut_short_is_named(tmp_path):
    family(tmp_path, zipped=True)
    path = tmp_path / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(DataError, match=r"idx3-ubyte.gz cannot be read"):
        mnist(tmp_path)
