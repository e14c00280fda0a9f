"""Whatever stands in a file, it is read or refused by one of our errors: no other, no harm, no hang."""

import io
import json
import os
import re
import subprocess
import sys
from copy import deepcopy
from importlib.util import find_spec
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from doors import DOORS, KEPT, RUN_DOORS, a_run, kept_maps, lay, results
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xaibench.api.errors import XaibenchError
from xaibench.engine.device.time_limit import time_limit
from xaibench.engine.discovery.registry import installed
from xaibench.results.folder import slug

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)><!--'\"&{{7*7}}"
TOKENS = (
    *(b"null", b"true", b"-1", b"0", b"1e999", b"NaN", b"Infinity", b"99999999999999999999", b"1.5"),
    *(b'""', b"[]", b"{}", b"[[[[[[", b'"../../../etc/passwd"', b'"/etc/passwd"', b"..", b"\0", b"\xff"),
    *(b"\r\n", b",", b'"', b"<a>", b"</annotation>", b"<!DOCTYPE a>", b"&amp;", b"=", b"[[grid]]"),
    *(EVIL.encode(), b"cposix\nsystem\n(S'x'\ntR.", "é\u202e".encode(), b"\xed\xa0\x80", b"nan", b"inf"),
)
STRANGE = (
    *(None, True, -1, 0, 1.5, 1e300, 2**63, 2**70, "", EVIL, "../../x", "/etc/passwd", "a\0b"),
    *("\ud800", [], {}, [[]], {"a": 1}, ["a"], float("nan"), float("inf")),
)
REQUIRED = "XAIBENCH_FUZZER"  # set where a test that is skipped for want of the fuzzer is a failure
DOOR = {door.name: door for door in DOORS}
QUICK, LONG = 12, 400
LENGTH = 5000
SLOW_DOORS = {"manifest", "rows", "gallery", *(door.name for door in RUN_DOORS)}  # a page or a run each


@st.composite
def damaged(draw, genuine: bytes) -> bytes:
    """Bytes of a good file, with some cut out, changed, doubled, or replaced by what is read wrong."""
    content = bytearray(genuine)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(content)))
        some = draw(st.integers(0, 12))
        what = draw(st.sampled_from(("flip", "cut", "put", "double", "end")))
        if what == "flip" and at < len(content):
            content[at] ^= 1 << draw(st.integers(0, 7))
        elif what == "cut":
            del content[at : at + some]
        elif what == "put":
            content[at : at + some] = draw(st.sampled_from(TOKENS))
        elif what == "double":
            content[at:at] = content[at : at + 8 * some]
        elif what == "end" and draw(st.booleans()):
            del content[at:]
    return bytes(content)


@st.composite
def altered(draw, genuine: bytes) -> bytes:
    """Good JSON with some of its values others."""
    root = [json.loads(genuine.decode(errors="replace"))]  # one of them is in Latin-1
    for _ in range(draw(st.integers(1, 3))):
        node, key = root, 0
        while isinstance(node[key], dict | list) and node[key] and draw(st.integers(0, 4)):
            node = node[key]
            keys = sorted(node) if isinstance(node, dict) else list(range(len(node)))
            key = draw(st.sampled_from(keys))
        node[key] = deepcopy(draw(st.sampled_from(STRANGE)))  # the next may be put into it
    return json.dumps(root[0]).encode()


def contents(door):
    genuine = door.genuine()
    found = damaged(genuine)
    return found | altered(genuine) if genuine[:1] == b"{" else found


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_a_genuine_file_is_read(door):
    assert door.push(door.genuine()) == "read"


def push_at(door, count):
    @settings(
        max_examples=count,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(content=contents(door))
    def pushed(content):
        with time_limit(20):
            assert door.push(content) in ("read", "refused")

    pushed()


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_a_damaged_file_is_read_or_refused(door):
    push_at(door, 3 if door.name in SLOW_DOORS else QUICK)


def places(value, path=()):
    """The path of every value in JSON."""
    yield path
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*path, key))


def with_strange(facts):
    """JSON with each of its values in turn replaced by each of the strange ones."""
    for path in places(facts):
        for strange in STRANGE:
            root = [deepcopy(facts)]
            node, key = root, 0
            for step in path:
                node, key = node[key], step
            node[key] = strange
            yield root[0]


def test_any_value_of_a_training_may_be_strange():
    door = DOOR["training"]
    for facts in with_strange(json.loads(door.genuine())):
        assert door.push(json.dumps(facts).encode()) in ("read", "refused"), facts


def test_any_value_of_what_kept_maps_say_may_be_strange():
    for facts in with_strange(KEPT):
        assert DOOR["map-store"].push(kept_maps(facts)) in ("read", "refused"), facts


UNWRITTEN = [("model", ""), ("explain_ms", None), ("explain_ms", float("inf"))]


@pytest.mark.parametrize(("column", "value"), UNWRITTEN)
def test_rows_that_no_run_writes_are_refused_and_made_again_by_the_run(column, value):
    table = pq.read_table(io.BytesIO(DOOR["resume-rows"].genuine()))
    field = table.schema.field(column).with_nullable(True)
    values = pa.array([value] * len(table), field.type)
    pushed = io.BytesIO()
    pq.write_table(table.set_column(table.schema.get_field_index(column), field, values), pushed)
    assert DOOR["compare-rows"].push(pushed.getvalue()) == "refused"
    assert DOOR["merge-rows"].push(pushed.getvalue()) == "refused"
    assert DOOR["resume-rows"].push(pushed.getvalue()) == "read"


@pytest.mark.parametrize("what", [rb"\d+", rb"[a-zA-Z]+"], ids=["number", "word"])
@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_a_number_or_word_of_thousands_of_characters_is_read_or_refused(door, what):
    genuine = door.genuine()
    found = [match.span() for match in re.finditer(what, genuine)]
    most = 2 if door.name in SLOW_DOORS else 12
    for first, last in found[:: max(1, len(found) // most)][:most]:
        filling = (b"9" if what == rb"\d+" else b"a") * LENGTH  # Python converts 4300 digits
        assert door.push(genuine[:first] + filling + genuine[last:]) in ("read", "refused")


@pytest.mark.slow
@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_many_damaged_files_are_read_or_refused(door):
    push_at(door, LONG // 8 if door.name in SLOW_DOORS else LONG)


names = st.text(max_size=30) | st.sampled_from(
    (EVIL, "timm:", "=", "@", "a=b@c", "..", "+", "cam+", "\0")
)


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(names)
def test_any_name_is_a_plugin_or_unknown(name):
    for kind in ("model", "explainer", "metric", "dataset"):
        try:
            getattr(installed(), kind)(name)
        except XaibenchError:
            continue


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(st.lists(names | st.text(st.characters(codec=None), max_size=8), min_size=2, max_size=6))
def test_any_name_of_an_image_has_a_file_of_its_own_that_stays_in_the_folder(ids):
    for name in (*ids, *(100 * name for name in ids)):
        assert not set(slug(name)) & set("/\\.\0 <>")
        assert len(slug(name).encode()) < 100
    assert len({slug(name) for name in ids}) == len(set(ids))


def test_what_a_manifest_says_is_no_markup_in_the_page(tmp_path):
    facts = json.loads(a_run()["manifest.json"])

    def evil(value):
        if isinstance(value, dict):
            return {f"{key}{EVIL}" if key == "m" else key: evil(one) for key, one in value.items()}
        return (
            [evil(one) for one in value]
            if isinstance(value, list)
            else (EVIL if isinstance(value, str) else value)
        )

    lay(tmp_path)
    (tmp_path / "manifest.json").write_text(json.dumps(evil(facts)))
    results(tmp_path)  # it looks for the two


@pytest.mark.slow
@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_a_fuzzer_that_watches_the_code_gets_nothing_through(door):
    need_fuzzer()
    runs = "60" if door.name in SLOW_DOORS else "1500"
    script = Path(__file__).with_name("fuzz_doors.py")
    done = subprocess.run(
        [sys.executable, str(script), door.name, runs, "20"],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "DONE" in done.stderr


def need_fuzzer():
    """Skip the test without it, or fail it where it has to be there."""
    if find_spec("atheris") is None:
        why = "there is no coverage-guided fuzzer: pip install 'xaibench[fuzz]'"
        if os.environ.get(REQUIRED):
            pytest.fail(f"{why}; {REQUIRED} says that it has to be there")
        pytest.skip(why)


def test_a_fuzzer_that_has_to_be_there_and_is_not_is_a_failure(monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "find_spec", lambda name: None)
    monkeypatch.setenv(REQUIRED, "required")
    with pytest.raises(pytest.fail.Exception, match=r"xaibench\[fuzz\]"):
        need_fuzzer()
    monkeypatch.delenv(REQUIRED)
    with pytest.raises(pytest.skip.Exception):
        need_fuzzer()
