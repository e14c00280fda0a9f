"""How long a plugin's code may run without giving anything back."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from types import FrameType

from xaibench.api.errors import TookTooLong


@contextmanager
def time_limit(seconds: float, spent: float = 0) -> Iterator[None]:
    """Stop what is done inside after some time; 0: never.

    The clock is the system's alarm, which only a process's main thread hears and which waits for the
    end of a single operation in C: elsewhere, and there, nothing is stopped before it comes back.

    Args:
        seconds: how long is waited.
        spent: how much of that the same code has had before.

    Raises:
        TookTooLong: it was, or nothing is left of the time.
    """
    late = f"it gave nothing back for {seconds:g} seconds; --timeout says how long is waited"
    if 0 < seconds <= spent:
        raise TookTooLong(late)
    heard = threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer")
    if seconds <= 0 or not heard:
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise TookTooLong(late)

    before = signal.signal(signal.SIGALRM, stop)
    began = monotonic()
    outer, _ = signal.setitimer(signal.ITIMER_REAL, seconds - spent)
    try:
        yield
    finally:
        left = max(outer - (monotonic() - began), 1e-3) if outer else 0
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, left)
