"""A crate states that its workflow is the one that ran only if git confirms it."""

import json
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from made_up_study import OVERLAY, finished

from workflow_lib.errors import DownlinkError
from workflow_lib.files import sha256
from workflow_lib.paths import Paths
from workflow_lib.provenance.crate.description import describe_artifact
from workflow_lib.provenance.crate.export import export_crate, packing
from workflow_lib.provenance.environment import commit
from workflow_lib.provenance.sidecar import Sidecar

AS_RUN = "workflow/ is the workflow as it was run: every job ran from commit {}."


def git(root, *command):
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", *who, *command], cwd=root, check=True, capture_output=True)


def rewrite(root, study, first=None, **update):
    """Change the sidecar of one output, or all sidecars."""
    folder = root / study.results / "provenance"
    for file in [root / first] if first else list(folder.rglob("*.json")):
        file.write_text(replace(Sidecar.read(file), **update).to_text())


@pytest.fixture
def committed(tmp_path):
    """Make up a study whose jobs all ran from the project's present, clean commit."""
    study, root = finished(tmp_path / "project")
    git(root, "init", "-q")
    git(root, "add", "--", ".", ":!results")
    git(root, "commit", "-q", "-m", "all")
    state = commit(root)
    assert state.clean
    rewrite(root, study, commit=state.commit, clean=True)
    return study, root, state.commit


def exported(study, root, overlays=(OVERLAY,)):
    """Export the crate; return its entities by name, and the printed lines."""
    written = export_crate(study, root, [root / file for file in overlays])
    graph = json.loads(written.metadata.read_text())["@graph"]
    return {entity["@id"]: entity for entity in graph}, written.origin


def test_one_clean_commit_is_the_version_of_the_workflow(committed):
    study, root, name = committed
    entities, told = exported(study, root)
    assert told == AS_RUN.format(name)
    main = entities["workflow/Snakefile"]
    assert main["version"] == f"0.1.0+g{name[:12]}"
    assert main["description"].endswith(told)
    assert entities["workflow/scripts/write_report.py"]["version"] == main["version"]
    page = describe_artifact(root / study.results)
    assert page.count(told) == 1
    assert told in page[: page.index("# Part I.")]
    assert "as it was run" not in page.replace(told, "")


def _edited(root, study):
    (root / "rules" / "common.smk").write_text("# other\n")


def _moved_on(root, study):
    _edited(root, study)
    git(root, "commit", "-q", "-a", "-m", "on")


def _added(root, study):
    (root / "rules" / "more.smk").write_text("")


def _ran(**state):
    def change(root, study):
        paths = Paths(study.results)
        rewrite(root, study, paths.sidecar(paths.metrics()), **state)

    return change


@pytest.mark.parametrize(
    ("change", "jobs"),
    [
        (_edited, "commit {ran}."),
        (_moved_on, "commit {ran}."),
        (_added, "commit {ran}."),
        (_ran(clean=False), "commit {ran} and commit {ran} with changes."),
        (_ran(commit="f" * 40), f"commit {{ran}} and commit {'f' * 40}."),
        (_ran(commit=None, clean=None), "commit {ran} and no commit."),
    ],
    ids=["edited", "moved on", "added", "ran edited", "ran elsewhere", "ran under no git"],
)
def test_without_git_evidence_the_workflow_is_the_one_at_export(committed, change, jobs):
    study, root, name = committed
    change(root, study)
    entities, told = exported(study, root)
    changes = " with changes" if change in (_edited, _added) else ""
    here = f"commit {commit(root).commit}{changes}"
    assert f"at export, from {here}; its jobs ran from {jobs.format(ran=name)}" in told
    assert entities["workflow/Snakefile"]["description"].endswith(told)
    assert entities["#run"]["description"] == told


def test_a_study_file_from_outside_the_project_is_in_no_commit(committed, tmp_path):
    study, root, name = committed
    (tmp_path / OVERLAY.name).write_text((root / OVERLAY).read_text() + "# mine\n")
    entities, told = exported(study, root, [tmp_path / OVERLAY.name])
    assert "as it was at export" in told
    assert entities["workflow/Snakefile"]["version"] == f"0.1.0+g{name[:12]}.dirty"


def test_without_git_no_commit_is_claimed(tmp_path):
    study, root = finished(tmp_path / "project")
    entities, told = exported(study, root)
    assert "at export, from no commit; its jobs ran from commit c0ffeec0ffee" in told
    assert entities["workflow/Snakefile"]["version"] == "0.1.0"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("numpy==2.4.6", "numpy==2.4.7", "numpy was 2.4.6, now it is 2.4.7"),
        ("numpy==2.4.6", "numpie==2.4.6", "numpy was 2.4.6, now it is gone"),
    ],
)
def test_a_changed_lock_is_refused(tmp_path, old, new, said):
    study, root = finished(tmp_path / "project")
    lock = root / "envs" / "requirements.lock"
    lock.write_text(lock.read_text().replace(f"\n{old}", f"\n{new}"))
    with pytest.raises(DownlinkError, match=rf"requirements\.lock: .* {said}. Run the study again"):
        export_crate(study, root)
    assert not (root / study.results / "workflow").exists()


def test_locked_packages_that_no_job_reaches_may_change(tmp_path):
    study, root = finished(tmp_path / "project")
    lock = root / "envs" / "requirements.lock"
    lock.write_text(lock.read_text() + "another==1.0\n")
    rewrite(root, study, lock=sha256(lock))
    lock.write_text(lock.read_text().replace("another==1.0", "another==2.0"))
    assert export_crate(study, root).metadata.is_file()


def test_the_packing_command_works_for_any_folder_name(tmp_path):
    study, root = finished(tmp_path / "a project")
    odd = study.model_copy(update={"results": "my results; it's"})
    (root / odd.results).mkdir()
    Path(root / study.results / "report.html").rename(root / odd.results / "report.html")
    subprocess.run(packing(odd, root), shell=True, check=True, cwd=root)
    assert zipfile.ZipFile(root / "smoke.crate.zip").namelist() == ["report.html"]
