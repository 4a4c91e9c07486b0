"""Make floating-point results independent of batch and number of threads, bit for bit."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from workflow_lib import torchinit

Item = TypeVar("Item")
Result = TypeVar("Result")


def each_alone(work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Apply `work` to the items in parallel, each in a thread where torch uses one thread.

    The order of summation in convolutions depends on the batch and the number of threads. For a
    single image in one thread, the order is always the same on one kind of processor.
    """
    with torchinit.single_thread() as threads, ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, items))
