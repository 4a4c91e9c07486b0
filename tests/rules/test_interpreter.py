"""The Python interpreter that runs the jobs."""

import os
import subprocess
import sys
from pathlib import Path

TARGET = "results/smoke/tiny-thermal/scenes/generated0.tif"
WITHOUT_ENVIRONMENT = "/usr/bin:/bin"


def test_jobs_run_without_an_activated_environment(project):
    """Run as `.venv/bin/snakemake` does: no python on PATH has the packages."""
    snakemake = Path(sys.executable).with_name("snakemake")
    done = subprocess.run(
        [snakemake, "--cores", "1", "--configfile", "configs/smoke.yaml", "--", TARGET],
        cwd=project.folder,
        env={
            "PATH": WITHOUT_ENVIRONMENT,
            "PYTHONPATH": str(project.folder),
            "HOME": os.environ.get("HOME", str(project.folder)),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (project.folder / TARGET).exists()
