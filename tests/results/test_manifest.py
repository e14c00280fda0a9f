"""What a manifest says is read as it stands, or refused with the field that is wrong."""

import json

import pytest

from xaibench.api import DataError
from xaibench.results.manifest import read_manifest


@pytest.fixture
def manifest(tmp_path):
    return tmp_path / "manifest.json"


def test_a_manifest_is_read_whole_with_fields_that_nothing_reckons_with(manifest):
    facts = {"controls": ["random"], "seconds": {"all": 12}, "novelty": {"a": [None, "ä"]}}
    manifest.write_text(json.dumps(facts))
    assert read_manifest(manifest) == facts


def test_an_unfinished_run_has_none(manifest):
    assert read_manifest(manifest) == {}


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"controls": None}, r"got `null` - at `\$.controls`"),
        ({"controls": [3]}, r"got `int` - at `\$.controls\[0\]`"),
        ({"seconds": {"all": "long"}}, r"got `str` - at `\$.seconds\[...\]`"),
        ({"forwards": [1]}, r"got `array` - at `\$.forwards`"),
        ({"part": "1/many"}, r"matching regex .* at `\$.part`"),
        ({"shards": {"a": {}}}, r"got `object` - at `\$.shards"),
    ],
)
def test_a_field_of_another_type_is_named(manifest, facts, said):
    manifest.write_text(json.dumps(facts))
    with pytest.raises(DataError, match=rf"manifest.json is damaged: .*{said}"):
        read_manifest(manifest)


@pytest.mark.parametrize(
    "content",
    [b'{"run": ', b"\xff", b'{"command": "\\ud800"}', b"[" * 100_000],
    ids=["cut", "latin", "half a character", "deep"],
)
def test_what_is_no_json_or_no_text_is_refused(manifest, content):
    manifest.write_bytes(content)
    with pytest.raises(DataError, match="is not JSON"):
        read_manifest(manifest)


def test_what_is_no_table_is_refused(manifest):
    manifest.write_text("[1]")
    with pytest.raises(DataError, match="is no table"):
        read_manifest(manifest)
