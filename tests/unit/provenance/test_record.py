"""Sidecars: a script that runs as a job writes a correct and complete one."""

import json
import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from project import copied

from workflow_lib import machine
from workflow_lib.errors import DownlinkError
from workflow_lib.files import sha256, tree_sha256
from workflow_lib.provenance import environment, record
from workflow_lib.provenance.arithmetic import steering_variables
from workflow_lib.provenance.digests import file_digest
from workflow_lib.provenance.lock import read_lock
from workflow_lib.provenance.sidecar import EDITED, Sidecar

SCRIPT = """
import argparse, pathlib, sys
import numpy
from workflow_lib import cli
from workflow_lib.errors import DownlinkError
from workflow_lib.notes import note_input, note_networks

def main():
    parser = argparse.ArgumentParser()
    for name in ("--source", "--seed", "--config", "--target", "--edit"):
        parser.add_argument(name)
    args = parser.parse_args()
    if args.edit:
        pathlib.Path(args.edit).write_text("# other code\\n")
    target = pathlib.Path(args.target)
    (target / "deep").mkdir(parents=True)
    (target / "deep" / "file").write_text(pathlib.Path(args.source).read_text())
    note_input(pathlib.Path("/elsewhere/archive.whl"), "ab" * 32)
    note_networks("cpu", 3)
    if args.seed == "13":
        raise DownlinkError("no luck")

cli.run(main)
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    project = copied(tmp_path_factory.mktemp("recorded"))
    (project.folder / "scripts/try.py").write_text(SCRIPT)
    (project.folder / "source.txt").write_text("what it is made from")
    for command in (["init"], ["add", "."], ["commit", "-m", "all"]):
        who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        subprocess.run(["git", *who, *command], cwd=project.folder, check=True, capture_output=True)
    return project


def run(project, name, *options, launcher=(), parsed=None, root=None, **variables):
    """Run the script as a job that makes the folder `name`."""
    described = {
        "rule": "try_it",
        "root": str(root or project.folder),
        "code": "c" * 64,
        "shell": "d" * 64,
        "free": [],
        "commit": parsed or environment.commit(project.folder),
        "wildcards": {"scene": name},
        "inputs": ["source.txt"],
        "outputs": [name],
        "sidecar": f"provenance/{name}.json",
    }
    (project.folder / "job.json").write_text(json.dumps(described))
    told = {"DOWNLINK_JOB": "job.json", **variables}
    python = [sys.executable, *launcher, sys.executable] if launcher else [sys.executable]
    return subprocess.run(
        [*python, "scripts/try.py", "--source", "source.txt", "--target", name, *options],
        cwd=project.folder,
        env={**os.environ, "PYTHONPATH": str(project.folder), **told},
        capture_output=True,
        text=True,
        check=False,
    )


def left(project, name):
    return Sidecar.read(project.folder / f"provenance/{name}.json")


def test_a_sidecar_records_inputs_outputs_code_and_software(project):
    config = '{"training":{"steps":3},"simulation":{"seed":7}}'
    done = run(
        project, "one", "--seed", "5", "--config", config, SLURM_JOB_ID="42", SLURMD_NODENAME="n1"
    )
    assert done.returncode == 0, done.stderr
    told = left(project, "one")
    assert (told.rule, told.wildcards) == ("try_it", {"scene": "one"})
    assert told.parameters["config"] == [config]
    assert told.seeds == {"seed": 5, "config.simulation.seed": 7}
    assert told.inputs == {
        "source.txt": sha256(project.folder / "source.txt"),
        "/elsewhere/archive.whl": "ab" * 32,
    }
    assert told.outputs == {"one": tree_sha256(project.folder / "one")}
    assert told.code["workflow_lib/cli.py"] == file_digest("workflow_lib/cli.py")
    assert "scripts/try.py" in told.code
    assert not any("provenance" in file for file in told.code)
    assert told.locked == {"numpy": read_lock()["numpy"]}
    assert told.packages == {"numpy": __import__("numpy").__version__}
    assert told.lock == sha256(project.folder / "envs/requirements.lock")
    assert (told.device, told.threads) == ("cpu", 3)
    assert (told.slurm_job, told.slurm_node) == ("42", "n1")
    assert told.start < told.end
    assert 5 < told.peak_memory_mb < 2000
    assert 0 < told.recording_s < 60
    assert told.python == ".".join(map(str, sys.version_info[:3]))


def test_a_sidecar_records_commit_and_whether_the_tree_was_clean(project):
    def git(*arguments):
        asked = subprocess.run(
            ["git", *arguments], cwd=project.folder, check=True, capture_output=True, text=True
        )
        return asked.stdout.strip()

    assert run(project, "clean").returncode == 0
    told = left(project, "clean")
    assert (told.commit, told.clean) == (git("rev-parse", "HEAD"), True)
    readme = project.folder / "config.yaml"
    text = readme.read_text()
    readme.write_text(f"{text}\n")
    assert run(project, "unclean").returncode == 0
    assert left(project, "unclean").clean is False
    parsed = environment.commit(project.folder)
    readme.write_text(text)
    assert run(project, "mended", parsed=parsed).returncode == 0
    told = left(project, "mended")
    assert (told.commit, told.clean) == (git("rev-parse", "HEAD"), False)


def committed(project, *command):
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", *who, *command], cwd=project.folder, check=True, capture_output=True)


def test_code_that_git_does_not_hold_is_not_clean(project):
    """`git status` says nothing of either file."""
    script = project.folder / "scripts/try.py"
    new = project.folder / "workflow_lib/new.py"
    new.write_text("")
    script.write_text(f"import workflow_lib.new\n{SCRIPT}")
    try:
        committed(project, "commit", "-m", "use it", "scripts/try.py")
        assert run(project, "untracked").returncode == 0
        assert left(project, "untracked").clean is False
        committed(project, "add", "workflow_lib/new.py")
        committed(project, "commit", "-m", "add it")
        assert run(project, "tracked").returncode == 0
        assert left(project, "tracked").clean is True
        committed(project, "update-index", "--assume-unchanged", "workflow_lib/new.py")
        new.write_text("x = 1\n")
        assert run(project, "assumed").returncode == 0
        assert left(project, "assumed").clean is False
    finally:
        committed(project, "update-index", "--no-assume-unchanged", "workflow_lib/new.py")
        script.write_text(SCRIPT)
        new.unlink()
        committed(project, "commit", "-a", "-m", "as before")


def test_a_job_of_another_checkout_is_refused(project, tmp_path):
    done = run(project, "astray", root=tmp_path)
    assert done.returncode == 1
    assert f"was planned in {tmp_path}" in done.stderr
    assert not (project.folder / "astray").exists()


def test_a_module_beside_the_library_is_refused(project):
    stray = project.folder / "bisect.py"
    stray.write_text("")
    script = project.folder / "scripts/try.py"
    try:
        script.write_text(f"import bisect\n{SCRIPT}")
        done = run(project, "strayed")
        assert "bisect.py" in done.stderr
        assert done.returncode == 1
        assert not (project.folder / "provenance/strayed.json").exists()
    finally:
        script.write_text(SCRIPT)
        stray.unlink()


def test_no_secret_is_recorded():
    secret = {"NVIDIA_API_KEY": "x", "GDAL_HTTP_USERPWD": "me:x", "GDAL_HTTP_HEADERS": "Bearer x"}
    secret |= {"GDAL_HTTP_USERPWD": "me:secret", "GDAL_HTTP_HEADER_FILE": "secret"}
    assert steering_variables({**secret, "OMP_NUM_THREADS": "1"}) == {"OMP_NUM_THREADS": "1"}


def test_what_decides_the_last_digits_is_on_record(project):
    lowest = {"ATEN_CPU_CAPABILITY": "default", "OPENBLAS_CORETYPE": "Nehalem"}
    assert run(project, "lowest", **lowest).returncode == 0
    told = left(project, "lowest")
    assert lowest.items() <= told.variables.items()
    assert told.instructions["openblas"] == "Nehalem"
    assert run(project, "usual").returncode == 0
    assert not lowest.items() & left(project, "usual").variables.items()


def test_a_commit_made_after_snakemake_started_is_not_the_jobs_commit(project):
    assert run(project, "behind", parsed=["0" * 40, True]).returncode == 0
    told = left(project, "behind")
    assert (told.commit, told.clean) == ("0" * 40, False)


def test_a_repository_in_a_parent_folder_is_not_the_projects(project):
    assert environment.commit(project.folder).commit
    assert environment.commit(project.folder / "scripts") == (None, None)


def test_without_git_the_commit_comes_from_snakemake(project):
    parsed = ["0" * 40, True]
    assert run(project, "contained", parsed=parsed, PATH=str(project.folder)).returncode == 0
    told = left(project, "contained")
    assert (told.commit, told.clean) == ("0" * 40, True)


def test_peak_memory_does_not_include_the_parent_process(project):
    (project.folder / "large.py").write_text(
        "import os, sys\nheld = bytearray(600_000_000)\nos.execv(sys.executable, sys.argv[1:])\n"
    )
    assert run(project, "small", launcher=["large.py"]).returncode == 0
    assert left(project, "small").peak_memory_mb < 300


@pytest.mark.parametrize(
    "line",
    [
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.124.06  Sat Feb 22 20:31:17 UTC 2026",
        "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.124.06  Release Build",
    ],
)
def test_the_driver_version_is_that_of_the_kernel_module(tmp_path, line):
    (tmp_path / "version").write_text(f"{line}\nGCC version:  gcc version 12.2.0\n")
    assert machine.driver(tmp_path / "version") == "570.124.06"
    assert machine.driver(tmp_path / "none") is None


def test_code_that_is_edited_during_a_job_is_marked(project):
    file = project.folder / "workflow_lib/errors.py"
    text = file.read_text()
    try:
        assert run(project, "edited", "--edit", str(file)).returncode == 0
    finally:
        file.write_text(text)
    code = left(project, "edited").code
    assert code.pop("workflow_lib/errors.py") == EDITED
    assert EDITED not in code.values()


def test_failed_jobs_and_manual_runs_write_no_sidecar(project):
    assert run(project, "failed", "--seed", "13").returncode == 1
    assert run(project, "by_hand", DOWNLINK_JOB="").returncode == 0
    assert not (project.folder / "provenance/failed.json").exists()
    assert not (project.folder / "provenance/by_hand.json").exists()


def test_every_changed_byte_of_a_sidecar_is_detected(project, tmp_path):
    assert run(project, "whole").returncode == 0
    sound = (project.folder / "provenance/whole.json").read_bytes()
    file = tmp_path / "sidecar.json"

    @settings(deadline=None)
    @given(st.integers(0, len(sound) - 1), st.integers(1, 255))
    def changed(place, by):
        damaged = bytearray(sound)
        damaged[place] ^= by
        file.write_bytes(damaged)
        with pytest.raises(DownlinkError, match=r"sidecar\.json"):
            Sidecar.read(file)

    changed()
    file.write_bytes(sound)
    assert Sidecar.read(file) == left(project, "whole")


def test_seeds_are_integer_parameters_with_seed_in_their_name():
    told = record._seeds(
        {
            "seed": ["3"],
            "study": ['{"seeds":[0,1],"seedling":9,"a":{"seed":2,"b":[{"seed":5},{"c":6}]}}'],
            "name": ["seed"],
            "scene": ["[2019] Munich"],
        }
    )
    assert told == {
        "seed": 3,
        "study.seeds.0": 0,
        "study.seeds.1": 1,
        "study.a.seed": 2,
        "study.a.b.0.seed": 5,
    }
