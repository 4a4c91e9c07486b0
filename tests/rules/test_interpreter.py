"""The Python interpreter that runs the jobs."""

import os
import subprocess
import sys
from pathlib import Path

TARGET = "results/smoke/tiny-thermal/scenes/generated0.tif"
WITHOUT_ENVIRONMENT = "/usr/bin:/bin"


def test_a_study_runs_in_a_folder_of_its_own(project, tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    study = (project.folder / "configs/smoke.yaml").read_text()
    (scratch / "mine.yaml").write_text(study)
    options = ("--snakefile", str(project.folder / "Snakefile"), "--configfile", "mine.yaml")
    command = ["snakemake", "--cores", "1", *options, "--", TARGET]
    subprocess.run(command, cwd=scratch, check=True, capture_output=True)
    assert (scratch / TARGET).exists()
    planned = subprocess.run(
        ["snakemake", "-n", *options], cwd=scratch, check=True, capture_output=True, text=True
    )
    assert "write_report" in planned.stdout
    assert not (project.folder / "results").exists()


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
