"""A study that is run again from its commit on one core gives the same bits as on two."""

import json
import subprocess
import sys

import pytest
import yaml
from project import copied

from workflow_lib.provenance.reproduction.reproduce import OUTCOME

STUDY = "brief.yaml"


def brief(folder):
    """Reduce the smoke study to one dataset and two codecs: fast, with all kinds of artifacts."""
    smoke = yaml.safe_load((folder / "configs/smoke.yaml").read_text())
    dataset = smoke["datasets"]["tiny-optical"] | {
        "rates": {"jpeg2000": [0.5], "dgml": [0.01]},
        "regimes": {"retrained": {"dgml": [0.01]}},
    }
    named = {"name": "brief", "results": "results/brief", "run": ["brief"]}
    return smoke | named | {"datasets": {"brief": dataset}}


def git(folder, *arguments):
    name = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run(["git", "-C", folder, *name, *arguments], check=True, capture_output=True)


@pytest.fixture
def committed(tmp_path):
    """Copy the project, put it under git, and run a study on two cores in it."""
    project = copied(tmp_path / "project")
    (project.folder / STUDY).write_text(yaml.safe_dump(brief(project.folder)))
    ignored = ("results/", "reproduced/", ".snakemake/", "__pycache__/")
    (project.folder / ".gitignore").write_text("\n".join(ignored))
    git(project.folder, "init", "--quiet")
    git(project.folder, "add", "--all")
    git(project.folder, "commit", "--quiet", "--message", "all")
    project.snakemake("--configfile", STUDY)
    return project


@pytest.mark.slow
def test_one_core_gives_every_bit_that_two_gave(committed):
    again = [sys.executable, "scripts/reproduce.py", "--cores", "1", "--study", STUDY]
    done = committed.call(again, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-6000:]
    found = json.loads((committed.folder / "reproduced/brief" / OUTCOME).read_text())
    assert found["likeness"] == "PLATFORM"
    rows = {row["kind"]: row for row in found["rows"]}
    assert {"codec weights", "learned bitstreams", "losses of trainings", "estimates"} <= set(rows)
    for kind, row in rows.items():
        assert row["required"], kind
        assert row["equal"] == row["artifacts"] > 0, kind
    assert "Reproduced." in done.stdout
