"""Facts that the library notes about the running job, for the job's sidecar.

Low layers (archives, torch set-up, the training loop) write here; `provenance.record` reads. The
module imports nothing heavy, because every job imports it.
"""

import os
import platform
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from workflow_lib import machine

Attempt = dict[str, str | None]
"""Start, node, cpu, gpu, driver, device and slurm_job of a job; see `provenance.sidecar`."""


def now() -> str:
    """Return the current time in UTC, ISO 8601 with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@dataclass
class Notes:
    """Facts noted so far.

    Attributes:
        start: time at which the process imported this module.
        inputs: SHA-256 by path, of files that the job's rule does not name.
        device: "cpu" or "cuda"; None where the job runs no network.
        gpu, driver: name of the GPU and version of its driver, where one is used.
        threads: threads of one torch operation.
        earlier: earlier attempts, where the job resumed from a checkpoint.
    """

    start: str = field(default_factory=now)
    inputs: dict[str, str] = field(default_factory=dict)
    device: str | None = None
    gpu: str | None = None
    driver: str | None = None
    threads: int | None = None
    earlier: list[Attempt] = field(default_factory=list)


noted = Notes()
"""The notes of this process."""


def note_input(file: Path, digest: str) -> None:
    """Note that the job reads a file that its rule does not name, with the file's SHA-256."""
    noted.inputs[str(file)] = digest


def note_networks(device: str, threads: int, gpu: str | None = None) -> None:
    """Note where networks run, `cpu` or `cuda` (then on which GPU), and with how many threads."""
    noted.device, noted.threads = device, threads
    noted.gpu, noted.driver = gpu, machine.driver() if gpu else None


def note_earlier(attempts: list[Attempt]) -> None:
    """Note that the job resumes work of earlier attempts; see `attempts`."""
    noted.earlier.extend(attempt for attempt in attempts if attempt not in noted.earlier)


def attempts() -> list[Attempt]:
    """Return all attempts at this job so far, this one included, for a checkpoint to keep."""
    this: Attempt = {
        "start": noted.start,
        "node": platform.node(),
        "cpu": machine.cpu(),
        "gpu": noted.gpu,
        "driver": noted.driver,
        "device": noted.device,
        "slurm_job": os.environ.get("SLURM_JOB_ID"),
    }
    return [*noted.earlier, this]
