"""Cancel orphaned Slurm jobs of this folder, unless another Snakemake runs here."""

import subprocess
import sys

import pytest

from workflow_lib import orphans

HOLD = """
import sys, time
from pathlib import Path
from workflow_lib import orphans
orphans.cancel_orphans(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """Fake squeue, which lists the jobs in a file, and scancel, which removes jobs from it."""
    tools, jobs = tmp_path / "bin", tmp_path / "jobs"
    tools.mkdir()
    for name, text in {
        "squeue": f"cat {jobs}",
        "scancel": f'for id in "$@"; do sed -i "/^$id|/d" {jobs}; done',
    }.items():
        (tools / name).write_text(f"#!/bin/sh\n{text}\n")
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    return jobs


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "study"
    (folder / ".snakemake").mkdir(parents=True)
    return folder


def listed(folder):
    return f"7|downlink_a|{folder}\n8|other|{folder}\n9|downlink_b|{folder.parent}\n"


def test_exactly_the_jobs_of_a_killed_run_are_cancelled(slurm, folder):
    slurm.write_text(listed(folder))
    assert orphans.cancel_orphans(folder) == ["7"]
    assert [line[0] for line in slurm.read_text().splitlines()] == ["8", "9"]
    assert orphans.cancel_orphans(folder) == []


def test_nothing_is_cancelled_while_another_snakemake_runs_here(slurm, folder):
    slurm.write_text("")
    command = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        slurm.write_text(listed(folder))
        assert orphans.cancel_orphans(folder) == []
        assert slurm.read_text() == listed(folder)
        other.kill()


def test_without_slurm_there_are_no_orphans(folder, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert orphans.cancel_orphans(folder) == []


def test_orphans_that_do_not_end_are_named(slurm, folder, monkeypatch):
    slurm.write_text(listed(folder))
    (slurm.parent / "bin/scancel").write_text("#!/bin/sh\n")
    monkeypatch.setattr(orphans, "_PATIENCE_S", 0)
    with pytest.raises(orphans.DownlinkError, match=r"7.*scancel"):
        orphans.cancel_orphans(folder)
