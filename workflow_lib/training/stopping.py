"""Ending at a good moment when a scheduler asks the process to end."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def termination_noted() -> Iterator[Callable[[], bool]]:
    """Within the block SIGTERM ends nothing, but makes the function that is yielded true.

    Schedulers send SIGTERM before they kill: at a time limit, at a preemption, on `scancel`. Python
    handles signals in its main thread only; in another the function stays false.
    """
    noted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield noted.is_set
        return
    before = signal.signal(signal.SIGTERM, lambda *_: noted.set())
    try:
        yield noted.is_set
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL if before is None else before)
