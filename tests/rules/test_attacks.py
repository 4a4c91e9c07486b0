"""Attacks on the finished smoke study that once ended in "Sound", and the audit's answers."""

import importlib.util
import json
import os
import py_compile
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from changes import edited
from own import STUDY
from project import ROOT, Project

from workflow_lib.files import digest
from workflow_lib.paths import Paths
from workflow_lib.provenance.sidecar import Sidecar

SMOKE = str(STUDY)
OPTIONS = ("--configfile", SMOKE)
PATHS = Paths("results/smoke")
SCENE = "results/smoke/tiny-thermal/scenes/generated0.tif"


@pytest.fixture
def copy(finished, tmp_path):
    return Project(shutil.copytree(finished.folder, tmp_path / "copy"))


def audited(project: Project, folder: Path | None = None) -> tuple[int, str]:
    script = project.folder / "scripts/audit.py"
    study = project.folder / SMOKE if folder else SMOKE
    place = Project(folder) if folder else project
    call = [sys.executable, str(script), "--study", str(study)]
    done = place.call(call, check=False, PYTHONPATH=str(project.folder))
    return done.returncode, done.stdout


def sealed_again(project: Project, output: str, **changes: object) -> None:
    """Write the record of an output anew, as anyone can with the project's own code."""
    file = project.folder / PATHS.sidecar(output)
    record = Sidecar.read(file)
    outputs = {name: digest(project.folder / name) for name in record.outputs}
    file.write_text(replace(record, outputs=outputs, **changes).to_text())


def claim_turned(folder: Path) -> None:
    """Let a claim's outcome say something else, in a way that still reads well."""
    findings = json.loads((folder / PATHS.findings()).read_text())
    claim = findings["claims"][0]
    claim["outcome"] = "supported" if claim["outcome"] != "supported" else "undecided"
    text = json.dumps(findings, separators=(",", ":"), ensure_ascii=False)
    (folder / PATHS.findings()).write_text(f"{text}\n")


def test_findings_and_a_page_that_were_edited_and_sealed_again_are_found(copy):
    page = copy.folder / PATHS.report()
    text = page.read_text()
    assert "Data credits" in text
    page.write_text(text.replace("Data credits", "Data debits"))
    claim_turned(copy.folder)
    sealed_again(copy, PATHS.findings())
    findings = digest(copy.folder / PATHS.findings())
    record = Sidecar.read(copy.folder / PATHS.sidecar(PATHS.report()))
    inputs = {**record.inputs, PATHS.findings(): findings}
    sealed_again(copy, PATHS.report(), inputs=inputs)
    status, said = audited(copy)
    assert status == 1
    for result in (PATHS.report(), PATHS.findings()):
        assert f"{result} is not what its job makes of its inputs" in said
    repair(copy)
    assert audited(copy)[0] == 0


def repair(project: Project) -> None:
    shutil.copy2(ROOT / "Makefile", project.folder)
    installed = ["VENV=installed", "--assume-old=installed/.ready"]
    project.call(["make", "repair", f"STUDY={SMOKE}", *installed])


def test_jobs_that_ran_with_a_patched_package_run_again_unless_the_study_declares_it(copy):
    """The package is as its maker made it again."""
    weights = sorted(copy.folder.glob("results/smoke/*/segmenters/unet/original/*.safetensors"))
    first = str(weights[0].relative_to(copy.folder))
    sealed_again(copy, first, altered={"timm": "0" * 64})
    status, said = audited(copy)
    assert status == 1
    assert "timm: the job ran with another content of it than is installed now" in said
    assert "1 train_on_originals" in said
    assert copy.planned(*OPTIONS)["train_on_originals"] == 1


def test_a_study_says_which_packages_are_patched(copy):
    with edited(SMOKE, "name: smoke", "name: smoke\npatched: {timm: a bug of ours}")(copy.folder):
        assert copy.planned(*OPTIONS).keys() == {"write_report", "all"}


def test_a_compiled_file_of_other_code_is_not_used(project):
    """It has the size and the time of the source, which Python compares by default."""
    source = project.folder / "workflow_lib/data/prepare.py"
    text, times = source.read_bytes(), source.stat()
    source.write_bytes(b"raise SystemExit".ljust(len(text)))
    os.utime(source, ns=(times.st_atime_ns, times.st_mtime_ns))
    compiled = Path(importlib.util.cache_from_source(str(source)))
    py_compile.compile(str(source), cfile=str(compiled))
    source.write_bytes(text)
    os.utime(source, ns=(times.st_atime_ns, times.st_mtime_ns))
    project.snakemake(*OPTIONS, "--", SCENE)
    assert (project.folder / SCENE).exists()


def test_a_study_runs_and_is_audited_in_another_folder(project, tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    places = ("--directory", str(scratch), "--configfile", str(project.folder / SMOKE))
    snakefile = ("--snakefile", str(project.folder / "Snakefile"))
    elsewhere = Project(scratch)
    elsewhere.snakemake(*snakefile, *places, "--", SCENE, PYTHONPATH="")
    assert (scratch / SCENE).exists()
    status, said = audited(project, scratch)
    assert status == 1, "the study is not finished"
    assert "1 sidecar)" in said
    assert said.count("\u2717") == 1, said
