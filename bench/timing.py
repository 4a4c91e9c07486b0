"""Time several functions in turns, so that other load on the machine affects all of them."""

import time
from collections.abc import Callable, Mapping


def minima(rivals: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Run the functions in turns, `repeats` times; return the least seconds of each."""
    least = dict.fromkeys(rivals, float("inf"))
    for _ in range(repeats):
        for name, rival in rivals.items():
            started = time.perf_counter()
            rival()
            least[name] = min(least[name], time.perf_counter() - started)
    return least
