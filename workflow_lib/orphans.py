"""Cancel jobs on a Slurm cluster that a killed Snakemake has left behind."""

import fcntl
import logging
import shutil
import subprocess
import time
from pathlib import Path
from typing import IO

from workflow_lib.errors import DownlinkError

JOBNAME_PREFIX = "downlink_"
"""What slurm/config.yaml (slurm-jobname-prefix) makes the names of all jobs begin with."""
_PATIENCE_S = 180.0

_held: list[IO[str]] = []  # a closed file would be unlocked

_log = logging.getLogger(__name__)


def cancel_orphans(folder: Path) -> list[str]:
    """Cancel the jobs that a killed Snakemake left behind, and wait until they are gone.

    Call it before the first job is submitted. Every job of this folder that Slurm still has is an
    orphan and writes the same files, unless another Snakemake runs in the folder: then nothing is
    cancelled. Trainings go on from their checkpoints. Without Slurm there are no orphans.

    Args:
        folder: the study's folder, from which all its jobs are submitted.

    Returns:
        Slurm's ids of the orphans.

    Raises:
        DownlinkError: they do not end.
    """
    alone = _alone(folder)
    if shutil.which("squeue") is None:
        return []
    orphans = _jobs_of(folder)
    if orphans is None:
        _log.warning("squeue does not answer: jobs of an earlier run, if any, are not cancelled")
    if not orphans:
        return []
    if not alone:
        _log.warning("another Snakemake runs in %s: no job is cancelled", folder)
        return []
    _log.warning("cancelling jobs that an earlier run left behind: %s", " ".join(orphans))
    subprocess.run(["scancel", *orphans], check=False)
    deadline = time.monotonic() + _PATIENCE_S
    while (left := _jobs_of(folder)) != []:
        if time.monotonic() > deadline:
            raise DownlinkError(
                f"{folder}: jobs of an earlier run do not end: {' '.join(left or orphans)}. "
                "Cancel them (scancel), then run again."
            )
        time.sleep(1)
    return orphans


def _alone(folder: Path) -> bool:
    """Whether no other Snakemake runs in the folder; until this process ends, others see it.

    Snakemake's own lock tells neither whether its owner lives nor of studies with other results.
    """
    lock = (folder / ".snakemake" / "downlink.lock").open("w")
    _held.append(lock)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        alone = False
    else:
        alone = True
    fcntl.flock(lock, fcntl.LOCK_SH)
    return alone


def _jobs_of(folder: Path) -> list[str] | None:
    """Ids of the study's jobs that Slurm has not done with yet; None where it does not answer."""
    asked = subprocess.run(
        ["squeue", "--me", "--noheader", "--format=%i|%j|%Z"],
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode:
        return None
    jobs = [line.split("|", 2) for line in asked.stdout.splitlines()]
    return [
        number
        for number, name, place in jobs
        if name.startswith(JOBNAME_PREFIX) and Path(place).resolve() == folder.resolve()
    ]
