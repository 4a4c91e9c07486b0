"""Run a study again in a fresh folder: its commit, its data, and refusals."""

import json
import subprocess

import pytest
from finished_trees import PATHS, ROOT, Tree

from workflow_lib.errors import DownlinkError
from workflow_lib.provenance.digests import file_digest
from workflow_lib.provenance.git import tracked
from workflow_lib.provenance.reproduction.finished import Finished
from workflow_lib.provenance.reproduction.reproduce import (
    OUTCOME,
    bring_inputs,
    reproduce,
)
from workflow_lib.provenance.reproduction.source_commit import commit_of
from workflow_lib.provenance.sidecar import EDITED

SNAKEFILE = """\
if config.get("broken"):
    raise WorkflowError("broken")
rule all:
    output: directory("results/made")
    shell: "test -e own/a.tif; mkdir -p results; cp -r stored/results/made results/made"
"""
RASTER = "own/a.tif"
MARK = PATHS.archive_mark("a.whl")
CODE = "scripts/made.py"


def git(folder, *arguments):
    name = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    command = ["git", "-C", folder, *name, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def project(tmp_path):
    """Make a git project whose workflow has made the made-up study."""
    folder = tmp_path / "project"
    Tree(folder / "stored")
    (folder / "Snakefile").write_text(SNAKEFILE)
    (folder / "mine.yaml").write_text("own: true\n")
    for file, text in {CODE: "print(1)\n", "envs/requirements.lock": "torch==2.13.0\n"}.items():
        (folder / file).parent.mkdir()
        (folder / file).write_text(text)
    (folder / "own").mkdir()
    (folder / RASTER).write_text("pixels")
    (folder / ".gitignore").write_text("/results\n/own\n/mine.yaml\n/reproduced\n")
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "all")
    tree = Tree(folder, commit=git(folder, "rev-parse", "HEAD"))
    tree.job("prepare_scene", {PATHS.scene("d", "s"): "a scene"}, [MARK, RASTER])
    return tree


@pytest.fixture
def again(project):
    def run():
        root = project.project
        return reproduce(root, ROOT, [root / "mine.yaml"], root / "reproduced/made", "1")

    return run


def test_a_clone_of_the_commit_runs_with_study_file_and_user_data(project, again):
    git(project.project, "commit", "--quiet", "--allow-empty", "--message", "later")
    assert again().reproduced
    fresh = project.project / "reproduced/made"
    commit = commit_of(Finished.read(project.results), project.project)
    assert git(fresh, "rev-parse", "HEAD") == commit != git(project.project, "rev-parse", "HEAD")
    assert (fresh / RASTER).resolve() == project.file(RASTER).resolve()
    assert (fresh / "mine.yaml").read_text() == "own: true\n"
    assert json.loads((fresh / OUTCOME).read_text())["reproduced"] is True


def test_an_interrupted_reproduction_resumes_and_a_finished_one_restarts(project, again):
    fresh, overlay = project.project / "reproduced/made", project.file("mine.yaml")
    overlay.write_text("broken: true\n")
    with pytest.raises(DownlinkError, match="Run the same command again to resume"):
        again()
    (fresh / "kept").touch()
    overlay.write_text("own: true\n")
    assert again().reproduced
    assert (fresh / "kept").exists()
    project.file(PATHS.report()).write_text("<html>other")
    assert not again().reproduced
    assert not (fresh / "kept").exists()


def test_a_folder_with_other_contents_is_refused(project, again):
    fresh = project.project / "reproduced/made"
    fresh.mkdir(parents=True)
    (fresh / OUTCOME).write_text("mine")
    with pytest.raises(DownlinkError, match="other files than a reproduction"):
        again()
    assert (fresh / OUTCOME).read_text() == "mine"
    with pytest.raises(DownlinkError, match="other files than a reproduction"):
        reproduce(project.project, ROOT, [], project.project, "1")


def test_an_interrupted_reproduction_of_another_commit_does_not_resume(project, again):
    again()
    fresh = project.project / "reproduced/made"
    (fresh / OUTCOME).unlink()
    git(project.project, "commit", "--quiet", "--allow-empty", "--message", "later")
    Tree(project.project, commit=git(project.project, "rev-parse", "HEAD"))
    with pytest.raises(DownlinkError, match="interrupted reproduction of commit"):
        again()


@pytest.fixture
def piecemeal(project):
    """Give one job another commit than the others; return a function that writes its sidecar."""
    project.sidecar.clear()  # job() writes this digest into every sidecar
    digest = file_digest(str(project.file(CODE)))

    def write(**fields):
        fields = {"commit": "beef", "code": {CODE: digest}} | fields
        project.job("write_report", {PATHS.report(): "<html>"}, [PATHS.findings()], **fields)
        return Finished.read(project.results)

    return write


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "1 from beef (report.html)"),
        ({"clean": False}, "1 from beef and edited files (report.html)"),
        ({"commit": None, "clean": None}, "1 from no commit and edited files (report.html)"),
    ],
)
def test_a_study_of_several_commits_runs_from_a_commit_with_its_code(
    project, piecemeal, fields, said, caplog
):
    head = git(project.project, "rev-parse", "HEAD")
    with caplog.at_level("INFO"):
        assert commit_of(piecemeal(**fields), project.project) == head
    (line,) = caplog.messages
    assert said in line
    assert line.endswith(f"all ran code and locked versions equal to those of HEAD, {head}")


def test_a_study_of_several_commits_with_removed_results_is_reproduced(project, piecemeal, again):
    piecemeal()
    removed = {PATHS.scene("d", "y"): "y"}
    project.file("own/y.tif").write_text("pixels")
    project.job("prepare_scene", removed, ["own/y.tif"], code={"gone.py": EDITED})
    project.file("own/y.tif").unlink()
    assert again().reproduced
    assert not (project.file("reproduced/made") / "own/y.tif").exists()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"code": {CODE: "0" * 64}}, r"scripts/made\.py is not the one that made report\.html"),
        ({"code": {CODE: EDITED}}, r"scripts/made\.py is not the one.*make repair"),
        ({"code": {"gone.py": "0" * 64}}, r"it lacks gone\.py, by which report\.html"),
        ({"locked": {"torch": "2.12.0"}}, r"torch was locked as 2\.12\.0 when report\.html was"),
        ({"locked": {"other": "1"}}, "other was locked as 1"),
    ],
)
def test_jobs_whose_code_differs_from_the_present_commit_are_refused(
    project, piecemeal, again, fields, said
):
    piecemeal(**fields)
    with pytest.raises(DownlinkError, match=rf"1 from beef \(report\.html\).*{said}"):
        again()
    assert not project.file("reproduced/made").exists()


@pytest.mark.parametrize("of", ["one commit", "several"])
def test_code_that_git_does_not_track_is_refused(project, piecemeal, of):
    """The tree is clean with an untracked module, but a clone lacks the module."""
    file = "scripts/untracked.py"
    project.file(file).write_text("print(2)\n")
    fields = {"code": {file: file_digest(str(project.file(file)))}}
    if of == "one commit":
        fields["commit"] = git(project.project, "rev-parse", "HEAD")
    finished = piecemeal(**fields)
    with pytest.raises(
        DownlinkError, match=r"lacks scripts/untracked\.py.*Commit the missing files"
    ):
        commit_of(finished, project.project)
    git(project.project, "add", file)
    git(project.project, "commit", "--quiet", "--message", "the rest")
    assert commit_of(finished, project.project) == git(project.project, "rev-parse", "HEAD")


def test_uncommitted_edits_are_refused(project, piecemeal):
    finished = piecemeal()
    project.file("Snakefile").write_text("other")
    with pytest.raises(DownlinkError, match="Commit your edits, and try again"):
        commit_of(finished, project.project)


def test_the_error_names_a_project_file_that_differs_from_the_commit(project):
    project.job("prepare_scene", {PATHS.scene("d", "s"): "a scene"}, [MARK, CODE])
    finished = Finished.read(project.results)
    bring_inputs(finished, project.project, project.project)
    project.file(CODE).write_text("print(3)\n")
    with pytest.raises(DownlinkError, match=r"scripts/made\.py: it has changed since"):
        bring_inputs(finished, project.project, project.project)


def test_the_error_names_changed_or_missing_user_data(project, again):
    project.file(RASTER).write_text("other pixels")
    with pytest.raises(DownlinkError, match=r"own/a\.tif: it has changed"):
        again()
    project.file(RASTER).unlink()
    with pytest.raises(DownlinkError, match=r"own/a\.tif: .*missing"):
        again()


def test_user_data_outside_the_project_need_an_absolute_path(project, again, tmp_path):
    (tmp_path / "b.tif").write_text("pixels")
    outside = {"outputs": {PATHS.scene("d", "s"): "a scene"}, "inputs": ["../b.tif"]}
    project.job("prepare_scene", **outside)
    with pytest.raises(DownlinkError, match="Give the absolute path"):
        again()
    project.job("prepare_scene", outside["outputs"], [MARK, RASTER, str(tmp_path / "b.tif")])
    assert again().reproduced


def test_a_missing_archive_is_fetched_and_a_changed_one_is_refused(project, tmp_path):
    archive = tmp_path / "cache.whl"
    archive.write_text("a wheel")
    project.job("prepare_scene", {PATHS.scene("d", "s"): "a scene"}, [str(archive)])
    finished = Finished.read(project.results)
    archive.write_text("another")
    with pytest.raises(DownlinkError, match=r"cache\.whl: it has changed"):
        bring_inputs(finished, project.project, tmp_path)
    archive.unlink()
    bring_inputs(finished, project.project, tmp_path)


def test_results_at_an_absolute_path_are_refused(project):
    with pytest.raises(DownlinkError, match="would overwrite the first"):
        reproduce(project.project, str(project.results), [], project.project / "r", "1")


def test_a_study_that_has_not_run_is_refused(project):
    with pytest.raises(DownlinkError, match="Run the study first"):
        reproduce(project.project, "results/other", [], project.project / "r", "1")


def test_special_characters_in_names_are_not_patterns(project):
    (project.project / "a1.tif").touch()
    git(project.project, "add", "a1.tif")
    assert tracked(project.project, "a1.tif")
    assert not tracked(project.project, "a[1].tif")
