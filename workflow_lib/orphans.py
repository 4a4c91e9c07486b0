"""Cancel the Slurm jobs that a killed Snakemake left behind."""

import fcntl
import logging
import shutil
import subprocess
import time
from pathlib import Path
from typing import IO

from workflow_lib.errors import DownlinkError

JOBNAME_PREFIX = "downlink_"
"""Prefix of all job names, as slurm/config.yaml sets it (slurm-jobname-prefix)."""
_PATIENCE_S = 180.0

_held: list[IO[str]] = []  # kept open, because closing a file releases its lock

_log = logging.getLogger(__name__)


def cancel_orphans(folder: Path) -> list[str]:
    """Cancel the jobs that a killed Snakemake left behind, and wait until they are gone.

    Call it before the first job is submitted. At that time, every job of this folder in Slurm's
    queue is an orphan, and writes the same files as a new job would. If another Snakemake runs in
    the folder, nothing is cancelled. Cancelled trainings later resume from their checkpoints.

    Args:
        folder: the study's folder, from which all its jobs are submitted.

    Returns:
        Slurm's ids of the cancelled jobs; empty without Slurm.

    Raises:
        DownlinkError: the cancelled jobs do not end in time.
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
                f"{folder}: jobs of an earlier run have not ended: {' '.join(left or orphans)}. "
                "Cancel them (scancel), then run again."
            )
        time.sleep(1)
    return orphans


def _alone(folder: Path) -> bool:
    """Whether no other Snakemake runs in the folder; takes a lock that lasts until process exit.

    Snakemake's own lock is not enough: it may outlive its owner, and covers one study only.
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
    """List the ids of the study's jobs in Slurm's queue; None if `squeue` fails."""
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
