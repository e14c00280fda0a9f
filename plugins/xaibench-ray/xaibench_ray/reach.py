"""Whether a cluster answers at its address: Ray itself tries for minutes."""

import os
import socket

from xaibench.api import ConfigError

WAIT = 5.0  # seconds for a connection, and as many for the first bytes
SETTINGS = 4  # what HTTP/2, which Ray's head speaks, begins with on both sides (RFC 9113, 3.4)
GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, SETTINGS, 0, 0, 0, 0, 0))


def refuse_unreachable(address: str, wait: float = WAIT) -> None:
    """Within twice `wait` seconds, besides what finding the host's number takes.

    Args:
        address: "HOST:PORT"; "auto", and "ray://" and its like, are left to Ray.
        wait: seconds for a connection, and as many for an answer.

    Raises:
        ConfigError: it is no address, nobody listens there, or what listens is no head of a cluster.
    """
    if address == "auto" or "://" in address:
        return
    host, _, port = address.rpartition(":")
    if not (host and port.isdecimal() and 0 < int(port) < 1 << 16):
        raise ConfigError(f"address {address!r}: expected HOST:PORT, such as {host or port}:6379")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=wait) as line:
            greeted = os.environ.get("RAY_USE_TLS", "0") != "0" or greets(line)
    except (OSError, ValueError) as error:  # a host may be no name at all
        problem = f"Ray at {address} cannot be reached: {error}"
        raise ConfigError(f"{problem}; {what_to_type(port)}") from error
    if not greeted:
        raise ConfigError(f"what listens at {address} is no head of a Ray cluster; {what_to_type(port)}")


def greets(line: socket.socket) -> bool:
    """Whether the other side begins as Ray's head does."""
    line.sendall(GREETING)
    begun = b""
    while len(begun) < 4:
        some = line.recv(4 - len(begun))
        if not some:
            return False
        begun += some
    return begun[3] == SETTINGS


def what_to_type(port: str) -> str:
    """To start a cluster, or to do without."""
    return (
        f"start one there with `ray start --head --port {port}`, or leave out --address: then this "
        "machine computes"
    )
