"""The smoke study run again from its commit on one core: every bit as on two."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from shutil import copytree

import pytest

from workflow_lib.paths import Paths
from workflow_lib.provenance.reproduction.finished import Finished
from workflow_lib.provenance.reproduction.reproduce import OUTCOME

PATHS = Paths("results/smoke")
STUDY = ("--study", "configs/smoke.yaml")


def git(folder, *arguments):
    name = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    command = ["git", "-C", folder, *name, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def committed(finished, tmp_path):
    """A copy of the finished study whose jobs say that they were run from a commit."""
    folder = copytree(finished.folder, tmp_path / "project", symlinks=True)
    (folder / ".gitignore").write_text("results/\nreproduced/\n.snakemake/\n__pycache__/\n")
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "all")
    commit = git(folder, "rev-parse", "HEAD")
    for name, sidecar in Finished.read(folder / PATHS.root).sidecars.items():
        said = replace(sidecar, commit=commit, clean=True)
        (folder / PATHS.sidecar(f"{PATHS.root}/{name}")).write_text(said.to_text())
    return folder


@pytest.mark.slow
def test_one_core_gives_every_bit_that_two_gave(committed):
    command = [sys.executable, "scripts/reproduce.py", *STUDY, "--cores", "1"]
    environment = {**os.environ, "PYTHONPATH": str(committed)}
    done = subprocess.run(
        command, cwd=committed, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr[-6000:]
    found = json.loads((committed / "reproduced/smoke" / OUTCOME).read_text())
    assert found["likeness"] == "PLATFORM"
    rows = {row["kind"]: row for row in found["rows"]}
    assert {"codec weights", "learned bitstreams", "losses of trainings", "estimates"} <= set(rows)
    for kind, row in rows.items():
        assert row["required"], kind
        assert row["equal"] == row["artifacts"] > 0, kind
    assert "Reproduced." in done.stdout
