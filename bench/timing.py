"""Rivals timed in turns, so that a noisy minute hits all of them."""

import time
from collections.abc import Callable, Mapping


def minima(rivals: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """The least seconds that each of the rivals took, run in turns `repeats` times."""
    least = dict.fromkeys(rivals, float("inf"))
    for _ in range(repeats):
        for name, rival in rivals.items():
            started = time.perf_counter()
            rival()
            least[name] = min(least[name], time.perf_counter() - started)
    return least
