"""A study run again in a fresh folder: from which commit, with which data, and what is refused."""

import json
import subprocess

import pytest
from finished_trees import PATHS, ROOT, Tree

from workflow_lib.errors import DownlinkError
from workflow_lib.provenance.reproduction.finished import Finished
from workflow_lib.provenance.reproduction.reproduce import (
    OUTCOME,
    bring_inputs,
    commit_of,
    reproduce,
)

SNAKEFILE = """\
if config.get("broken"):
    raise WorkflowError("broken")
rule all:
    output: directory("results/made")
    shell: "test -e own/a.tif; mkdir -p results; cp -r stored/results/made results/made"
"""
RASTER = "own/a.tif"


def git(folder, *arguments):
    name = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    command = ["git", "-C", folder, *name, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def project(tmp_path):
    """A project under git whose workflow makes the made-up study, and has."""
    folder = tmp_path / "project"
    Tree(folder / "stored")
    (folder / "Snakefile").write_text(SNAKEFILE)
    (folder / "mine.yaml").write_text("own: true\n")
    (folder / "own").mkdir()
    (folder / RASTER).write_text("pixels")
    (folder / ".gitignore").write_text("/results\n/own\n/mine.yaml\n/reproduced\n")
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "all")
    tree = Tree(folder, commit=git(folder, "rev-parse", "HEAD"))
    tree.job("prepare_scene", {PATHS.scene("d", "s"): "a scene"}, [RASTER])
    return tree


@pytest.fixture
def again(project):
    def run():
        root = project.project
        return reproduce(root, ROOT, [root / "mine.yaml"], root / "reproduced/made", "1")

    return run


def test_a_clone_at_the_commit_runs_with_overlay_and_own_data(project, again):
    git(project.project, "commit", "--quiet", "--allow-empty", "--message", "later")
    assert again().reproduced
    fresh = project.project / "reproduced/made"
    commit = commit_of(Finished.read(project.results))
    assert git(fresh, "rev-parse", "HEAD") == commit != git(project.project, "rev-parse", "HEAD")
    assert (fresh / RASTER).resolve() == project.file(RASTER).resolve()
    assert (fresh / "mine.yaml").read_text() == "own: true\n"
    assert json.loads((fresh / OUTCOME).read_text())["reproduced"] is True


def test_an_interrupted_reproduction_goes_on_and_a_finished_one_starts_anew(project, again):
    fresh, overlay = project.project / "reproduced/made", project.file("mine.yaml")
    overlay.write_text("broken: true\n")
    with pytest.raises(DownlinkError, match="Run the same command again to go on"):
        again()
    (fresh / "kept").touch()
    overlay.write_text("own: true\n")
    assert again().reproduced
    assert (fresh / "kept").exists()
    project.file(PATHS.report()).write_text("<html>other")
    assert not again().reproduced
    assert not (fresh / "kept").exists()


def test_a_folder_of_something_else_is_left_alone(project, again):
    fresh = project.project / "reproduced/made"
    fresh.mkdir(parents=True)
    (fresh / OUTCOME).write_text("mine")
    with pytest.raises(DownlinkError, match="something else than a reproduction"):
        again()
    assert (fresh / OUTCOME).read_text() == "mine"
    with pytest.raises(DownlinkError, match="something else than a reproduction"):
        reproduce(project.project, ROOT, [], project.project, "1")


def test_an_interrupted_reproduction_of_another_commit_is_not_gone_on_with(project, again):
    again()
    fresh = project.project / "reproduced/made"
    (fresh / OUTCOME).unlink()
    git(project.project, "commit", "--quiet", "--allow-empty", "--message", "later")
    Tree(project.project, commit=git(project.project, "rev-parse", "HEAD"))
    with pytest.raises(DownlinkError, match="interrupted reproduction of commit"):
        again()


def test_jobs_from_several_commits_or_edited_files_are_named(project, again):
    project.sidecar.clear()  # what job() writes into every sidecar
    project.job("write_report", {PATHS.report(): "<html>"}, commit="beef")
    with pytest.raises(DownlinkError, match=r"1 from beef \(report\.html\).*Commit your edits"):
        again()
    project.job("write_report", {PATHS.report(): "<html>"}, clean=False)
    with pytest.raises(DownlinkError, match=r"and edited files \(report\.html\)"):
        again()
    project.job("write_report", {PATHS.report(): "<html>"}, commit=None, clean=None)
    with pytest.raises(DownlinkError, match="from no commit"):
        again()


def test_own_data_that_changed_or_went_are_named(project, again):
    project.file(RASTER).write_text("other pixels")
    with pytest.raises(DownlinkError, match=r"own/a\.tif: it has changed"):
        again()
    project.file(RASTER).unlink()
    with pytest.raises(DownlinkError, match=r"own/a\.tif: .*gone"):
        again()


def test_own_data_outside_of_the_project_need_an_absolute_path(project, again, tmp_path):
    (tmp_path / "b.tif").write_text("pixels")
    outside = {"outputs": {PATHS.scene("d", "s"): "a scene"}, "inputs": ["../b.tif"]}
    project.job("prepare_scene", **outside)
    with pytest.raises(DownlinkError, match="Give its absolute path"):
        again()
    project.job("prepare_scene", outside["outputs"], [RASTER, str(tmp_path / "b.tif")])
    assert again().reproduced


def test_an_archive_that_left_the_cache_is_fetched_again_but_a_changed_one_is_named(
    project, tmp_path
):
    archive = tmp_path / "cache.whl"
    archive.write_text("a wheel")
    project.job("prepare_scene", {PATHS.scene("d", "s"): "a scene"}, [str(archive)])
    finished = Finished.read(project.results)
    archive.write_text("another")
    with pytest.raises(DownlinkError, match=r"cache\.whl: it has changed"):
        bring_inputs(finished, project.project, tmp_path)
    archive.unlink()
    bring_inputs(finished, project.project, tmp_path)


def test_results_at_an_absolute_path_would_be_overwritten(project):
    with pytest.raises(DownlinkError, match="would write into the first"):
        reproduce(project.project, str(project.results), [], project.project / "r", "1")


def test_a_study_that_has_not_run_says_so(project):
    with pytest.raises(DownlinkError, match="Run the study first"):
        reproduce(project.project, "results/other", [], project.project / "r", "1")
