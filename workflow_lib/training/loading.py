"""Batches of a training, drawn ahead of the steps that they are for."""

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, cast

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

WORKERS = 4
"""Processes that draw for a GPU, at most; fewer where the job has fewer cores."""
_AHEAD = 4
"""Batches that each of them keeps ready."""

B = TypeVar("B")


class Draws(Dataset[B]):
    """The batch of each step.

    Args:
        draw: draws a batch: tensors on the CPU, alone or in (named) tuples.
        generator_of: the generator of a step, so that a batch depends on nothing else.
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
    """The batches of some steps, in order, on the device.

    For a GPU other processes draw them into pinned memory, from where they are copied while the
    GPU still computes. On a CPU they are drawn when they are asked for: the cores are in use.
    """
    cuda = device.type == "cuda"
    workers = min(WORKERS, len(os.sched_getaffinity(0))) if cuda else 0
    for batch in drawn(draws, steps, workers, pin=cuda):
        yield moved(batch, device)


def drawn(draws: Draws[B], steps: range, workers: int, pin: bool = False) -> Iterator[B]:
    """The batches of some steps, in order, on the CPU.

    Args:
        draws: all of them.
        steps: which.
        workers: processes that draw ahead; 0 draws here, when asked.
        pin: whether into pinned memory, from which a GPU can copy by itself.
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
            generator=torch.Generator(),  # else torch's global one would be drawn from
        )
    )


def moved(batch: B, device: torch.device | str) -> B:
    """The same tensors on the device; not waited for where they come from pinned memory."""
    if isinstance(batch, Tensor):
        return cast(B, batch.to(device, non_blocking=True))
    assert isinstance(batch, tuple)
    parts = [moved(part, device) for part in batch]
    make: Any = getattr(type(batch), "_make", tuple)
    return cast(B, make(parts))


def _as_drawn(batch: B) -> B:
    return batch


def _ignore_termination(_: int) -> None:
    # A scheduler signals every process of a job. The training ends its own workers, after the step
    # at hand; one that died before would end the step, too.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
