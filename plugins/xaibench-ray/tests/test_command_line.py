"""`xaibench run --executor ray`, typed: on a cluster, here, stopped, and where workers die."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from importlib.metadata import distributions
from pathlib import Path

import pytest
from counted import LOADS, USES
from deadly import IMAGE
from processes import QUIET, STORE, below, orphans_stay_below
from toy_runs import same_rows

from xaibench.results.results import Results
from xaibench.results.rows import SHARED_PASS

INSTALLED = any(distributions(name="xaibench-ray"))
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not INSTALLED, reason="xaibench-ray is not installed: pip install -e plugins/xaibench-ray"
    ),
]

PATIENCE = 900  # seconds: a machine may be busy
SETTINGS = """
explainers = ["{explainers}"]
metrics = ["insertion", "pointing-game"]
limit = {limit}
shard = 1
width = 8
gallery = 2
device = "cpu"
[[grid]]
models = ["{models}"]
data = ["scenes"]
"""
AS_EVER = {"explainers": "grad-cam", "models": "scenes-cnn", "limit": 16}
DEADLY = {"explainers": "grad-cam", "models": 'scenes-cnn", "deadly-cnn', "limit": 5}
DEADLY["explainers"] += '", "deadly'
COUNTED = {"explainers": "counted", "models": "counted-cnn", "limit": 12}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Where the plugins `deadly` and `counted` are installed."""
    site = tmp_path_factory.mktemp("site")
    for name in ("deadly", "counted"):
        shutil.copy(Path(__file__).with_name(f"{name}.py"), site)
        facts = site / f"{name}-1.0.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (facts / "entry_points.txt").write_text(f"[xaibench]\n{name} = {name}\n")
    return site


@pytest.fixture(scope="module")
def armed(site):
    """The file that arms `deadly`."""
    return site / "armed"


@pytest.fixture(scope="module")
def environment(site):
    path = os.pathsep.join([str(site), QUIET["PYTHONPATH"]])
    with pytest.MonkeyPatch.context() as patch, orphans_stay_below():
        for name, value in {**QUIET, "PYTHONPATH": path}.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def address(environment):
    """Of a cluster of two processors."""
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 2, "num_gpus": 0, "object_store_memory": STORE, "include_dashboard": False}
    nodes = Cluster(initialize_head=True, head_node_args=head)
    yield nodes.address
    nodes.shutdown()


@pytest.fixture(scope="module")
def here(environment, tmp_path_factory):
    """The table of one process."""
    output = tmp_path_factory.mktemp("here")
    assert typed(output, AS_EVER)[0] == 0
    return Results.load(output).rows


@contextmanager
def started(output, settings, *more):
    """The command, in a session of its own as in a terminal."""
    config = output.with_suffix(".toml")
    config.write_text(SETTINGS.format(**settings))
    command = [sys.executable, "-m", "xaibench", "run", "--config", str(config), "--output", str(output)]
    with subprocess.Popen(
        [*command, *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def typed(output, settings, *more):
    """The code that the command ends with, and what it says besides the leaderboard."""
    with started(output, settings, *more) as process:
        _, printed = process.communicate(timeout=PATIENCE)
    return process.returncode, printed


def on(address):
    """The flags for a cluster, or, without one, for this machine."""
    where = ("--address", address) if address else ("--executing", f"store={STORE}")
    return ("--executor", "ray", *where)


def left(before, patience=20):
    """What runs now that did not; Ray's processes are given some seconds to end."""
    for _ in range(10 * patience):
        running = below(besides=before)
        if not running:
            break
        time.sleep(0.1)
    return running


def test_an_address_where_nobody_listens_is_named_with_what_to_type(environment, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]  # free again below
    code, printed = typed(tmp_path / "ray", AS_EVER, *on(f"127.0.0.1:{port}"))
    assert code == 2
    assert f"Ray at 127.0.0.1:{port} cannot be reached" in printed
    assert f"`ray start --head --port {port}`" in printed
    assert "Traceback" not in printed


def test_on_a_cluster_the_table_is_that_of_one_process(address, here, tmp_path):
    code, printed = typed(tmp_path / "ray", AS_EVER, *on(address))
    assert code == 0, printed
    same_rows(Results.load(tmp_path / "ray").rows, here)


def test_each_worker_loads_the_model_once_for_all_its_shards(address, site, tmp_path):
    code, printed = typed(tmp_path / "ray", COUNTED, *on(address))
    assert code == 0, printed
    assert Results.load(tmp_path / "ray").rows["image"].nunique() == COUNTED["limit"]
    loads, uses = ((site / name).read_text().split() for name in (LOADS, USES))
    assert len(uses) > len(set(uses))
    assert sorted(loads) == sorted(set(uses))  # nobody twice, and nobody who does no work


@pytest.mark.parametrize("cluster", [True, False], ids=["cluster", "this machine"])
def test_after_ctrl_c_the_same_command_goes_on_to_the_same_table(cluster, here, tmp_path, request):
    flags = on(request.getfixturevalue("address") if cluster else "")
    output, before = tmp_path / "ray", below()
    with started(output, AS_EVER, *flags) as process:
        deadline = time.monotonic() + PATIENCE
        while not list(output.glob("scores/*.parquet")) and time.monotonic() < deadline:
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: whatever has been started hears it
        _, printed = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, printed
    assert f"stopped; {output} has what is finished; the same command goes on" in printed
    assert "Traceback" not in printed
    kept_rows = Results.load(output).rows
    assert 0 < kept_rows["image"].nunique() < AS_EVER["limit"]
    assert kept_rows.groupby("image").size().nunique() == 1  # no image is there in part
    assert "failed" not in set(kept_rows["status"])
    if not cluster:
        assert not left(before)
    code, printed = typed(output, AS_EVER, *flags)
    assert code == 0, printed
    same_rows(Results.load(output).rows, here)  # by their keys: none is lost, none is there twice
    if not cluster:
        assert not left(before)


def test_what_workers_die_of_is_rows_that_failed_and_the_next_run_tries_again(address, armed, tmp_path):
    output, flags = tmp_path / "ray", (*on(address), "--executing", "attempts=2")
    code, printed = typed(tmp_path / "here", DEADLY)
    assert code == 0, printed
    expected = Results.load(tmp_path / "here").rows
    armed.touch()
    try:
        code, printed = typed(output, DEADLY, *flags)
    finally:
        armed.unlink()
    assert code == 1, printed
    assert "1 images lost: 2 workers were lost with it" in " ".join(printed.split())
    rows = Results.load(output).rows
    lost, rest = rows[rows["status"] == "failed"], rows[rows["status"] != "failed"]
    assert lost["reason"].str.startswith("2 workers were lost with it: ").all()
    assert set(lost.loc[lost["model"] == "scenes-cnn", "image"]) == {IMAGE}
    assert set(lost.loc[lost["model"] == "deadly-cnn", "image"]) == {""}  # it could not even be loaded
    explainers = set(expected["explainer"]) - {SHARED_PASS}
    for _, some in lost.groupby("model"):
        assert set(some["explainer"]) == explainers
    whole = (expected["model"] == "scenes-cnn") & (expected["image"] != IMAGE)
    same_rows(rest, expected[whole])
    code, printed = typed(output, DEADLY, *flags)
    assert code == 0, printed
    same_rows(Results.load(output).rows, expected)
