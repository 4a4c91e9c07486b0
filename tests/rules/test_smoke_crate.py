"""The crate of a smoke study that has really run."""

import json
import os
import re
import shutil
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import pytest
from crate_shape import lacking, refs, types_of
from project import Project
from rocrate.rocrate import ROCrate

from workflow_lib.files import sha256, tree_sha256

EXPORT = (sys.executable, "scripts/export_crate.py", "--study", "configs/smoke.yaml")
WHO = ("--agent", "Jane Doe <0000-0002-1825-0097>")


@dataclass(frozen=True)
class Crate:
    """The project, the crate's folder, and its entities by name."""

    project: Project
    folder: Path

    @property
    def metadata(self):
        return json.loads((self.folder / "ro-crate-metadata.json").read_text())

    def chosen(self, kind):
        return [entity for entity in self.metadata["@graph"] if kind in types_of(entity)]


@pytest.fixture(scope="module")
def crate(finished, tmp_path_factory):
    """Export the crate in a copy, because other tests use the same study."""
    folder = tmp_path_factory.mktemp("crate") / "project"
    shutil.copytree(finished.folder, folder, ignore=shutil.ignore_patterns(".snakemake"))
    project = Project(folder)
    project.call([*EXPORT, *WHO])
    return Crate(project, folder / "results" / "smoke")


def test_it_has_all_that_the_profile_demands(crate):
    assert lacking(crate.metadata, crate.folder) == []


def test_every_sidecar_is_an_action(crate):
    sidecars = list((crate.folder / "provenance").rglob("*.json"))
    told = {ref for action in crate.chosen("CreateAction") for ref in refs(action, "subjectOf")}
    assert {(crate.folder / unquote(name)) for name in told} == set(sidecars)
    assert len(crate.chosen("ControlAction")) == len(sidecars)
    assert len(crate.chosen("CreateAction")) == len(sidecars) + 1


def test_every_result_is_what_is_on_disk(crate):
    entities = {entity["@id"]: entity for entity in crate.metadata["@graph"]}
    results = {r for action in crate.chosen("CreateAction") for r in refs(action, "result")}
    assert len(results) > len(list((crate.folder / "provenance").rglob("*.json")))
    for name in results:
        if "Dataset" in types_of(entities[name]):
            told = entities[refs(entities[name], "identifier")[0]]["value"]
            assert told == tree_sha256(crate.folder / unquote(name))
        else:
            assert entities[name]["sha256"] == sha256(crate.folder / unquote(name))


def test_every_job_tells_what_it_read_and_made_where_and_for_whom(crate):
    jobs = {ref for control in crate.chosen("ControlAction") for ref in refs(control, "object")}
    actions = {action["@id"]: action for action in crate.chosen("CreateAction")}
    for name in jobs:
        assert {"instrument", "object", "result", "environment", "agent"} <= actions[name].keys()


def test_every_input_was_made_by_a_job_or_comes_from_elsewhere(crate):
    actions = crate.chosen("CreateAction")
    made = {ref for action in actions for ref in refs(action, "result")}
    read = {ref for action in actions for ref in refs(action, "object")}
    others = {name for name in read - made if not name.startswith("#option/")}
    assert others
    assert all(name.startswith(("workflow/", "#elsewhere/", "#archive/")) for name in others)


def test_rocrate_reads_the_crate(crate):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read = ROCrate(crate.folder)
    assert len(list(read.get_entities())) == len(crate.metadata["@graph"])
    whole = read.get("#run")
    assert whole["instrument"] == read.mainEntity
    assert {entity["name"] for entity in whole["result"]} == {
        "report.html",
        "main_table.csv",
        "findings.json",
        "metrics.parquet",
    }
    assert (crate.folder / read.mainEntity.id).is_file()


def test_no_folder_of_the_machine_is_told(crate):
    text = (crate.folder / "ro-crate-metadata.json").read_text()
    assert str(crate.project.folder) not in text
    assert str(Path.home()) not in text
    assert not re.search(r'"(/|~|file:)', text)


def test_the_same_study_gives_the_same_bytes_on_any_day(crate):
    before = (crate.folder / "ro-crate-metadata.json").read_bytes()
    environment = {**os.environ, "PYTHONPATH": str(crate.project.folder), "PYTHONHASHSEED": "1"}
    subprocess.run([*EXPORT, *WHO], cwd=crate.project.folder, env=environment, check=True)
    assert (crate.folder / "ro-crate-metadata.json").read_bytes() == before


def test_the_workflow_in_it_runs(crate, tmp_path):
    """A user with the crate and the user rasters can plan the study again."""
    shutil.copytree(crate.folder / "workflow", tmp_path / "again")
    shutil.copytree(crate.project.folder / "own", tmp_path / "again" / "own")
    again = Project(tmp_path / "again")
    planned = again.planned("--configfile", "configs/smoke.yaml")
    assert sum(planned.values()) == len(crate.chosen("ControlAction")) + 1


def test_an_unfinished_study_is_refused_in_one_line(crate, tmp_path):
    report, aside = crate.folder / "report.html", tmp_path / "report.html"
    report.rename(aside)
    done = crate.project.call([*EXPORT], check=False)
    aside.rename(report)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines() == [
        "error: results/smoke/report.html: the study is not finished. Run it first (make), or "
        "name another one (STUDY=FILE)."
    ]
