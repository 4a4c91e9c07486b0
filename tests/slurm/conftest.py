"""A Slurm that lives as long as the tests do, and studies that run on it."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from cluster import Cluster
from project import Project, copied

PATIENCE_S = 600
# the profile asks for the status every 20 s and less often; the tests would mostly wait
PROFILE = ("--profile", "slurm", "--slurm-init-seconds-before-status-checks", "2")


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    cluster = Cluster(tmp_path_factory.mktemp("slurm"))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@dataclass(frozen=True)
class Run:
    """A Snakemake that submits jobs, and what it prints."""

    process: subprocess.Popen[bytes]
    output: Path

    def wait(self) -> int:
        """Its exit status."""
        return self.process.wait(timeout=PATIENCE_S)

    def finish(self) -> str:
        """Wait; fail with what it printed unless all went well."""
        if self.wait():
            pytest.fail(self.output.read_text()[-8000:])
        return self.output.read_text()


@contextmanager
def submitting(project: Project, *options: str, **environment: str) -> Iterator[Run]:
    """`snakemake --profile slurm` in the background; ended with the context."""
    output = project.folder / "snakemake.out"
    with output.open("wb") as out:
        process = subprocess.Popen(
            ["snakemake", *PROFILE, *options],
            cwd=project.folder,
            env={**os.environ, "PYTHONPATH": str(project.folder), **environment},
            stdout=out,
            stderr=out,
        )
    try:
        yield Run(process, output)
    finally:
        process.send_signal(signal.SIGINT)  # cancels its jobs; at SIGTERM it would wait for them
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="session", autouse=True)
def smoke(cluster, tmp_path_factory):
    """The smoke study, submitted first: it runs beside the other tests."""
    project = copied(tmp_path_factory.mktemp("smoke"))
    with submitting(project, "--configfile", "configs/smoke.yaml") as run:
        yield project, run
