"""An address without a cluster is refused at once, by its name."""

import socket
import threading
from contextlib import contextmanager
from time import monotonic

import pytest
from xaibench_ray.reach import GREETING, WAIT, refuse_unreachable

from xaibench.api import ConfigError

PROMPTLY = 0.3  # seconds


@contextmanager
def listening(answer: bytes | None, linger: bool = False):
    """A server that answers whoever comes first, and goes; or says nothing and stays."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        over, heard = threading.Event(), bytearray()

        def serve() -> None:
            line, _ = server.accept()
            with line:
                heard.extend(line.recv(100))
                if answer is not None:
                    line.sendall(answer)
                if linger:
                    over.wait(60)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1], heard
        finally:
            over.set()
            thread.join()


def test_where_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    began = monotonic()
    with pytest.raises(ConfigError) as refused:
        refuse_unreachable(f"127.0.0.1:{port}")
    assert monotonic() - began < WAIT
    assert f"Ray at 127.0.0.1:{port} cannot be reached: " in str(refused.value)
    assert f"`ray start --head --port {port}`, or leave out --address" in str(refused.value)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n", b"", b"SSH"])
def test_where_somebody_else_listens(answer):
    with listening(answer) as (port, _), pytest.raises(ConfigError, match="is no head of a Ray") as no:
        refuse_unreachable(f"127.0.0.1:{port}")
    assert f"listens at 127.0.0.1:{port}" in str(no.value)


def test_where_nobody_answers():
    with listening(None, linger=True) as (port, heard):
        began = monotonic()
        with pytest.raises(ConfigError, match=f"127.0.0.1:{port} cannot be reached: timed out"):
            refuse_unreachable(f"127.0.0.1:{port}", wait=PROMPTLY)
        assert monotonic() - began >= PROMPTLY
        assert heard == GREETING


def test_what_begins_as_ray_does_is_left_to_ray():
    with listening(bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))) as (port, _):
        refuse_unreachable(f"127.0.0.1:{port}")
    for address in ("auto", "ray://127.0.0.1:1"):
        refuse_unreachable(address)


@pytest.mark.parametrize("address", ["head", "head:", ":6379", "head:port", "head:0", "head:65536", "-"])
def test_what_is_no_address(address):
    with pytest.raises(ConfigError, match=r"expected HOST:PORT, such as .+:6379"):
        refuse_unreachable(address)
