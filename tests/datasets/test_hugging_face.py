import io
import sys

import numpy as np
import pyarrow.parquet as parquet
import pytest
import releases
from PIL import Image

from xaibench.api import DataError
from xaibench.api.batch import UNLABELLED

datasets = pytest.importorskip("datasets")
from xaibench_datasets.hugging_face import hugging_face  # noqa: E402 (datasets may be missing)


@pytest.fixture
def rows(monkeypatch, tmp_path):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    datasets.disable_progress_bars()
    file = io.BytesIO()
    Image.fromarray(releases.pixels(40, 30)).save(file, "PNG", exif=releases.orientation(6))
    pictures = [{"bytes": file.getvalue(), "path": "a.png"}, None]
    pictures.append({"bytes": b"no picture", "path": None})
    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])}
    )
    return datasets.Dataset.from_dict({"image": pictures, "label": [1, 0, None]}, features=features)


@pytest.mark.parametrize("form", ["disk", "splits", "parquet"])
def test_rows_are_pictures_with_their_labels(rows, form, tmp_path):
    root = tmp_path / "data"
    root.mkdir()
    if form == "disk":
        rows.save_to_disk(root)
    elif form == "splits":
        datasets.DatasetDict({"train": rows.select([2]), "validation": rows}).save_to_disk(root)
    else:
        rows.select([2]).to_parquet(root / "train-00000-of-00001.parquet")
        rows.to_parquet(root / "validation-00000-of-00001.parquet")
    first, empty, broken = hugging_face(root)
    assert (first.id, first.target, first.label) == ("row-000000", 1, "dog")
    upright = np.rot90(releases.pixels(40, 30), -1)
    np.testing.assert_array_equal(np.asarray(first.open()), upright)
    assert broken.target == UNLABELLED
    with pytest.raises(DataError, match="row 1: its 'image' holds no picture, or only a path"):
        empty.open()
    with pytest.raises(DataError, match="row 2: its 'image' cannot be read"):
        broken.open()


def test_a_file_that_a_row_names_is_not_opened(rows, tmp_path):
    outside = releases.photograph(tmp_path / "outside" / "a.png")
    table = datasets.Dataset.from_dict(
        {"image": [{"bytes": None, "path": str(outside)}], "label": [0]}, features=rows.features
    )
    (tmp_path / "data").mkdir()
    parquet.write_table(table.data.table, tmp_path / "data" / "test.parquet")
    (named,) = hugging_face(tmp_path / "data")
    with pytest.raises(DataError, match="row 0: its 'image' holds no picture, or only a path"):
        named.open()


def test_another_folder_is_named(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        hugging_face(tmp_path)
    datasets.Dataset.from_dict({"text": ["a"]}).save_to_disk(tmp_path / "x")
    with pytest.raises(DataError, match="has no column of images; found text"):
        hugging_face(tmp_path / "x")


def test_without_the_library_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(DataError, match=r"pip install 'xaibench\[hf\]'"):
        hugging_face(tmp_path)
