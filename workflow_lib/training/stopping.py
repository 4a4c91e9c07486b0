"""Defer SIGTERM from a scheduler until the training can stop safely."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def termination_noted() -> Iterator[Callable[[], bool]]:
    """Catch SIGTERM within the block; yield a function that tells whether it has arrived.

    Schedulers send SIGTERM before they kill a job: at a time limit, at a preemption, on `scancel`.
    Python handles signals in its main thread only. In other threads the function returns False.
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
