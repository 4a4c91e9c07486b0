"""Run Snakemake in the background, with or without Slurm."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from project import Project

PATIENCE_S = 600
# The profile checks the status every 20 s or less often; with it, tests would mostly wait.
PROFILE = ("--profile", "slurm", "--slurm-init-seconds-before-status-checks", "2")


@dataclass(frozen=True)
class Run:
    """A running Snakemake and its output."""

    process: subprocess.Popen[bytes]
    output: Path

    def wait(self) -> int:
        """Wait for the end; return the exit status."""
        return self.process.wait(timeout=PATIENCE_S)

    def finish(self) -> str:
        """Wait for the end; fail with Snakemake's output unless it succeeded."""
        if self.wait():
            pytest.fail(self.output.read_text()[-8000:])
        return self.output.read_text()


@contextmanager
def running(project: Project, *options: str, **environment: str) -> Iterator[Run]:
    """Run Snakemake in the background; stop it at the end of the context."""
    output = project.folder / "snakemake.out"
    with output.open("wb") as out:
        process = subprocess.Popen(
            ["snakemake", *options],
            cwd=project.folder,
            env={**os.environ, "PYTHONPATH": str(project.folder), **environment},
            stdout=out,
            stderr=out,
        )
    try:
        yield Run(process, output)
    finally:
        process.send_signal(signal.SIGINT)  # SIGINT cancels its jobs; SIGTERM waits for them
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def submitting(project: Project, *options: str, **environment: str) -> AbstractContextManager[Run]:
    """Run `snakemake --profile slurm` in the background."""
    return running(project, *PROFILE, *options, **environment)
