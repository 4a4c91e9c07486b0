"""Jobs on a Slurm cluster that a killed Snakemake has left behind."""

import logging
import shutil
import subprocess
import time
from pathlib import Path

from workflow_lib.errors import DownlinkError

JOBNAME_PREFIX = "downlink_"
"""What slurm/config.yaml (slurm-jobname-prefix) makes the names of all jobs begin with."""
_PATIENCE_S = 180.0

_log = logging.getLogger(__name__)


def cancel_orphans(folder: Path) -> list[str]:
    """Cancel this study's jobs that still wait or run, and wait until they are gone.

    To be called where no Snakemake but the caller's runs in `folder`, as its lock makes sure, and
    before that one submits a job: whatever Slurm still has is an orphan, and writes the same files.
    Trainings go on from their checkpoints. Without Slurm there are none.

    Args:
        folder: the study's folder, from which all its jobs are submitted.

    Returns:
        Slurm's ids of the orphans.

    Raises:
        DownlinkError: they do not end.
    """
    if shutil.which("squeue") is None:
        return []
    orphans = _jobs_of(folder)
    if not orphans:
        return []
    _log.warning("cancelling jobs that an earlier run left behind: %s", " ".join(orphans))
    subprocess.run(["scancel", *orphans], check=False)
    deadline = time.monotonic() + _PATIENCE_S
    while _jobs_of(folder):
        if time.monotonic() > deadline:
            raise DownlinkError(
                f"{folder}: jobs of an earlier run do not end: {' '.join(_jobs_of(folder))}. "
                "Cancel them (scancel), then run again."
            )
        time.sleep(1)
    return orphans


def _jobs_of(folder: Path) -> list[str]:
    """Ids of the study's jobs that Slurm has not done with yet; none where it does not answer."""
    listed = subprocess.run(
        ["squeue", "--me", "--noheader", "--format=%i|%j|%Z"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    jobs = [line.split("|", 2) for line in listed.splitlines()]
    return [
        number
        for number, name, place in jobs
        if name.startswith(JOBNAME_PREFIX) and Path(place).resolve() == folder.resolve()
    ]
