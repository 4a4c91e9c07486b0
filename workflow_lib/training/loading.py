"""Load the batches of a training; worker processes draw them ahead of time for a GPU."""

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, cast

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

WORKERS = 4
"""Largest number of worker processes for a GPU; a job with fewer cores uses fewer."""
_AHEAD = 4
"""Number of batches that each worker keeps ready."""

B = TypeVar("B")


class Draws(Dataset[B]):
    """Dataset that draws the batch of each step.

    Args:
        draw: draws a batch: a tensor on the CPU, or a (named) tuple of batches.
        generator_of: returns a step's random generator. A batch depends on nothing else.
    """

    def __init__(
        self,
        draw: Callable[[torch.Generator], B],
        generator_of: Callable[[int], torch.Generator],
    ) -> None:
        self._draw, self._generator_of = draw, generator_of

    def __getitem__(self, step: int) -> B:
        return self._draw(self._generator_of(step))


def loaded(draws: Draws[B], steps: range, device: torch.device) -> Iterator[B]:
    """Yield the batches of the given steps, in order, on the device.

    For a GPU, worker processes draw batches into pinned memory, and copies overlap with the GPU's
    computation. For a CPU, each batch is drawn on demand, because training uses all cores.
    """
    cuda = device.type == "cuda"
    workers = min(WORKERS, len(os.sched_getaffinity(0))) if cuda else 0
    for batch in drawn(draws, steps, workers, pin=cuda):
        yield moved(batch, device)


def drawn(draws: Draws[B], steps: range, workers: int, pin: bool = False) -> Iterator[B]:
    """Yield the batches of the given steps, in order, on the CPU.

    Args:
        draws: dataset of all batches.
        steps: numbers of the steps.
        workers: processes that draw ahead; 0 draws on demand in this process.
        pin: whether to use pinned memory, from which a GPU copies asynchronously.
    """
    return iter(
        DataLoader(
            draws,
            batch_size=None,
            sampler=steps,
            num_workers=workers,
            collate_fn=_as_drawn,
            pin_memory=pin,
            prefetch_factor=_AHEAD if workers else None,
            worker_init_fn=_ignore_termination,
            generator=torch.Generator(),  # so that torch's global generator is not used
        )
    )


def moved(batch: B, device: torch.device | str) -> B:
    """Move tensors to the device; copies from pinned memory are asynchronous."""
    if isinstance(batch, Tensor):
        return cast(B, batch.to(device, non_blocking=True))
    assert isinstance(batch, tuple)
    parts = [moved(part, device) for part in batch]
    make: Any = getattr(type(batch), "_make", tuple)
    return cast(B, make(parts))


def _as_drawn(batch: B) -> B:
    return batch


def _ignore_termination(_: int) -> None:
    # A scheduler signals every process of a job. The training stops its workers itself after the
    # current step. A worker that died earlier would abort that step.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
