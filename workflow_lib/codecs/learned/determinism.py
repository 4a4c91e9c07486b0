"""Floating point that gives the same bits in every batch and with every number of threads."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from workflow_lib import torchinit

Item = TypeVar("Item")
Result = TypeVar("Result")


def each_alone(work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Apply `work` to every item with one torch thread each, side by side.

    Convolutions sum in an order that depends on the batch and the number of threads; an image by
    itself in one thread always meets the same order on one kind of processor.
    """
    with torchinit.single_thread() as threads, ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, items))
