"""Training loop of codecs and segmenters: seeded, resumable, keeps the best weights."""

import hashlib
import json
import logging
import math
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn
from tqdm import tqdm

from workflow_lib import torchinit
from workflow_lib.config.schedule import TrainingSchedule
from workflow_lib.errors import DownlinkError
from workflow_lib.notes import attempts, note_earlier
from workflow_lib.training import checkpoints
from workflow_lib.training.journal import Journal
from workflow_lib.training.loading import Draws, loaded
from workflow_lib.training.precision import reduced
from workflow_lib.training.stopping import termination_noted

MAX_GRADIENT_NORM = 1.0

_log = logging.getLogger(__name__)

B = TypeVar("B")


class Task(Protocol[B]):
    """A model to train, with its losses and data.

    A batch is a tensor or a (named) tuple of batches. Batches are drawn on the CPU; for a GPU,
    worker processes draw them. Losses are computed on the model's device.
    """

    @property
    def model(self) -> nn.Module:
        """The network whose weights are trained."""

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return Adam's parameter groups; "lr" is a group's peak rate (default: the plan's)."""

    def batch(self, generator: torch.Generator) -> B:
        """Draw the crops of one step; `generator` must be the only source of randomness."""

    def training_losses(self, batch: B) -> dict[str, Tensor]:
        """Compute the losses of one step on its batch, as scalars; "loss" is minimised."""

    def validation_losses(self) -> dict[str, float]:
        """Compute the losses on the validation tiles; training keeps the lowest "loss"."""


@dataclass(frozen=True)
class TrainingSummary:
    """Result of a training.

    Attributes:
        steps: number of optimiser steps.
        best_step: the step whose weights were kept; 0 means the initial weights.
        validation: validation losses of the kept weights.
        seconds: time spent in all runs of an interrupted training together.
        resumed_from: step of the checkpoint from which the run resumed; 0 without a checkpoint.
    """

    steps: int
    best_step: int
    validation: dict[str, float]
    seconds: float
    resumed_from: int


@dataclass
class _Progress:
    best: dict[str, float]
    best_weights: dict[str, Tensor]
    best_step: int = 0
    step: int = 0
    seconds: float = 0.0
    sums: dict[str, float] = field(default_factory=dict)
    summed: int = 0


def train(
    task: Task[B], plan: TrainingSchedule, seed: int, run: Path, identity: str = ""
) -> TrainingSummary:
    """Train `task.model` in place with Adam; load the weights that validate best at the end.

    `seed` and the step's number determine all randomness of a step. So a run that resumes from its
    checkpoint ends with the same bits as an uninterrupted one. Gradients are clipped to norm 1 in
    each parameter group. Training passes use bf16 if the GPU supports it; validation does not.

    The last checkpoint stays: a finished run is not trained again until `checkpoints.forget`.

    Args:
        task: model, losses and data.
        plan: the schedule.
        seed: seed of crops and noise; the caller seeds the initial weights.
        run: folder of the checkpoint and of metrics.jsonl, outside the workflow's outputs.
        identity: text that identifies networks and data. A checkpoint with another identity is
            ignored.

    Raises:
        DownlinkError: a loss or gradient is not finite, or SIGTERM arrived. After SIGTERM the
            current step is finished and a checkpoint is written first.
    """
    with torchinit.without_compiler():
        return _Run(task, plan, seed, Path(run), identity).finish()


class _Run(Generic[B]):
    def __init__(
        self, task: Task[B], plan: TrainingSchedule, seed: int, folder: Path, identity: str
    ) -> None:
        self.task, self.plan, self.seed, self.folder = task, plan, seed, folder
        self.journal = Journal(folder)
        self.device = next(task.model.parameters()).device
        self.precision = reduced(self.device)
        self.optimiser = torch.optim.Adam(task.parameter_groups(), lr=plan.learning_rate)
        self.peaks = [group["lr"] for group in self.optimiser.param_groups]
        start = self._validate(step=0)
        self.progress = _Progress(best=start, best_weights=_copy(task.model))
        self.fingerprint = _fingerprint(task, plan, seed, start, identity)

    def finish(self) -> TrainingSummary:
        """Train to the last step, from the checkpoint if there is one."""
        self._restore()
        resumed_from = self.progress.step
        self.journal.drop_after(resumed_from)
        with termination_noted() as stopped:
            started = saved = time.monotonic() - self.progress.seconds
            for step, batch in self._steps():
                self._advance(step, batch)
                now = time.monotonic()
                self.progress.seconds = now - started
                last = step == self.plan.steps
                if last or step % self.plan.validate_every == 0:
                    self._select(step)
                if last or stopped() or now - saved >= self.plan.checkpoint_seconds:
                    self._save()
                    saved = now
                if stopped():
                    raise DownlinkError(
                        f"Stopped by SIGTERM after step {step} of {self.plan.steps}; a checkpoint "
                        f"is in {self.folder}. Run the same command again to resume."
                    )
        self.task.model.load_state_dict(self.progress.best_weights)
        self.task.model.eval()
        p = self.progress
        return TrainingSummary(p.step, p.best_step, p.best, p.seconds, resumed_from)

    def _steps(self) -> Iterator[tuple[int, B]]:
        """Yield the remaining steps and their batches."""
        first, last = self.progress.step, self.plan.steps
        steps = range(first + 1, last + 1)
        draws = Draws(self.task.batch, partial(torchinit.crop_generator, self.seed))
        bar: Iterable[int] = tqdm(
            steps,
            initial=first,
            total=last,
            unit="step",
            file=sys.stderr,
            # Refresh rarely in a log file, because it keeps every refresh.
            mininterval=2 if sys.stderr.isatty() else 15,
            miniters=1,
        )
        return zip(bar, loaded(draws, steps, self.device), strict=True)

    def _advance(self, step: int, batch: B) -> None:
        torchinit.seed_step(self.seed, step)
        falling = 0.5 * (1 + math.cos(math.pi * (step - 1) / self.plan.steps))
        for group, peak in zip(self.optimiser.param_groups, self.peaks, strict=True):
            group["lr"] = peak * falling
        self.task.model.train()
        self.optimiser.zero_grad(set_to_none=True)
        with self.precision:
            losses = self.task.training_losses(batch)
        norms = self._clipped_gradients(losses["loss"])
        values = _numbers(losses)
        _require_finite({**values, **_numbers(norms)}, step)
        self.optimiser.step()
        self.progress.step = step
        self.progress.summed += 1
        for name, value in values.items():
            self.progress.sums[name] = self.progress.sums.get(name, 0.0) + value

    def _clipped_gradients(self, loss: Tensor) -> dict[str, Tensor]:
        loss.backward()  # type: ignore[no-untyped-call]
        return {
            f"gradient of group {number}": nn.utils.clip_grad_norm_(
                group["params"], MAX_GRADIENT_NORM
            )
            for number, group in enumerate(self.optimiser.param_groups)
        }

    def _validate(self, step: int) -> dict[str, float]:
        self.task.model.eval()
        with torch.no_grad():
            losses = self.task.validation_losses()
        _require_finite(losses, step)
        return losses

    def _select(self, step: int) -> None:
        p = self.progress
        validation = self._validate(step)
        if validation["loss"] < p.best["loss"]:
            p.best, p.best_step, p.best_weights = validation, step, _copy(self.task.model)
        training = {name: total / p.summed for name, total in p.sums.items()}
        p.sums, p.summed = {}, 0
        self.journal.write(
            {
                "step": step,
                "training": training,
                "validation": validation,
                "learning_rates": [group["lr"] for group in self.optimiser.param_groups],
                "seconds": round(p.seconds, 3),
            }
        )

    def _save(self) -> None:
        state = {
            "fingerprint": self.fingerprint,
            "model": self.task.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "progress": vars(self.progress),
            "attempts": attempts(),
        }
        checkpoints.save(state, self.folder)

    def _restore(self) -> None:
        found = checkpoints.restored(self.folder, self.fingerprint)
        if found is None:
            return
        self.task.model.load_state_dict(found["model"])
        self.optimiser.load_state_dict(found["optimiser"])
        self.progress = _Progress(**found["progress"])
        note_earlier(found["attempts"])
        _log.info("%s: going on after step %d", self.folder, self.progress.step)


def _fingerprint(
    task: Task[B], plan: TrainingSchedule, seed: int, start: dict[str, float], identity: str
) -> str:
    # The losses of the first validation identify data and initial weights. Three digits of them
    # are equal on any machine, so that a run can resume on another machine.
    shapes = {name: list(t.shape) for name, t in task.model.state_dict().items()}
    described = [
        type(task).__qualname__,
        identity,
        plan.canonical(),
        seed,
        shapes,
        {name: f"{value:.3g}" for name, value in start.items()},
    ]
    return hashlib.sha256(json.dumps(described).encode()).hexdigest()


def _copy(model: nn.Module) -> dict[str, Tensor]:
    return {name: t.detach().to("cpu", copy=True) for name, t in model.state_dict().items()}


def _numbers(scalars: Mapping[str, Tensor]) -> dict[str, float]:
    """Convert scalars to numbers together, so that the program waits for a GPU only once."""
    values = torch.stack([scalar.detach() for scalar in scalars.values()]).tolist()
    return dict(zip(scalars, values, strict=True))


def _require_finite(values: Mapping[str, float], step: int) -> None:
    for name, value in values.items():
        if not math.isfinite(value):
            raise DownlinkError(
                f"Training diverged: {name} is {value} at step {step}. Lower learning_rate in the "
                "training section of this codec or segmenter."
            )
