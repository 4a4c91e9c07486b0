"""Run a finished study again in a new folder, from the commit that contains its code."""

import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from workflow_lib.errors import DownlinkError
from workflow_lib.files import atomic, sha256
from workflow_lib.provenance.git import git, tracked
from workflow_lib.provenance.overlays import overlay_names
from workflow_lib.provenance.reproduction.compare import RunComparison, compare
from workflow_lib.provenance.reproduction.finished import Finished
from workflow_lib.provenance.reproduction.source_commit import commit_of

OUTCOME = "comparison.json"
"""Name of the comparison's file in the new folder."""

_MARK = "downlink.reproduces"
_log = logging.getLogger(__name__)


def reproduce(
    project: Path,
    results: str,
    overlays: Sequence[Path],
    folder: Path,
    cores: str,
    options: Sequence[str] = (),
) -> RunComparison:
    """Run a study again and compare the results with the first ones.

    The project is cloned into `folder` at the commit of the first run (`commit_of`). Configuration
    files that git does not track are copied, and user data are linked. An interrupted reproduction
    is resumed; a finished one is replaced.

    Args:
        project: folder of the project in which the study has run.
        results: the study's results folder, relative to the project's.
        overlays: the study's own files; none is the demo.
        folder: where to run.
        cores: value of Snakemake's option --cores.
        options: further options of Snakemake, e.g. ["--profile", "slurm"].

    Raises:
        DownlinkError: the study has not run, no commit contains its code, its data have changed,
            `folder` contains other files, or the second run failed.
    """
    if Path(results).is_absolute():
        raise DownlinkError(
            f"configuration: results: {results} is absolute, so a second run would overwrite the "
            "first. Give a path relative to the project's folder."
        )
    first = Finished.read(project / results)
    commit = commit_of(first, project)
    _prepare(project, commit, folder)
    bring_inputs(first, project, folder)
    laid = overlay_names(overlays, project)
    for name, overlay in zip(laid, overlays, strict=True):
        _bring_overlay(overlay, name, folder)
    _run(folder, laid, cores, options)
    comparison = compare(project / results, folder / results)
    with atomic(folder / OUTCOME) as draft:
        draft.write_text(to_text(comparison), encoding="utf-8")
    return comparison


def to_text(comparison: RunComparison) -> str:
    """Serialise a comparison as JSON; infinite differences become text."""
    content = asdict(comparison) | {
        "likeness": comparison.platform_match.name,
        "reproduced": comparison.reproduced,
        "rows": [asdict(row) | {"holds": row.holds} for row in comparison.rows],
    }
    for row in content["rows"]:
        row["largest"] = str(row["largest"]) if row["largest"] == float("inf") else row["largest"]
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def bring_inputs(finished: Finished, project: Path, folder: Path) -> None:
    """Link into `folder` the inputs that no job made and git does not track.

    Raises:
        DownlinkError: a file is missing or has changed since a job read it.
    """
    made = {path for sidecar in finished.sidecars.values() for path in sidecar.outputs}
    read = {item for sidecar in finished.sidecars.values() for item in sidecar.inputs.items()}
    for path, digest in sorted(read):
        own = not Path(path).is_absolute()
        if own and os.path.normpath(path).startswith(os.pardir):
            raise DownlinkError(
                f"{path}: this relative path leads outside the project. Give the absolute path in "
                "the configuration, and run the study again."
            )
        if path in made:
            continue
        if own and tracked(folder, path):
            if sha256(folder / path) != digest:
                raise DownlinkError(
                    f"{path}: it has changed since the study was made from it. Run the study again "
                    "(make) first."
                )
            continue
        source = project / path
        present = source.is_file()
        if own and not present:  # another one may be an archive, which is fetched again
            raise DownlinkError(
                f"{source}: this file is missing, but the study was made from it. Restore it."
            )
        if present and sha256(source) != digest:
            raise DownlinkError(
                f"{source}: it has changed since the study was made from it. Restore it, or run "
                "the study again first."
            )
        if own and not (folder / path).exists():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).symlink_to(source.resolve())


def _prepare(project: Path, commit: str, folder: Path) -> None:
    """Clone the project at the commit, or resume an interrupted reproduction."""
    if folder.exists() and any(folder.iterdir()):
        found = _reproduced_in(folder)
        if found is None:
            raise DownlinkError(
                f"{folder}: this folder contains other files than a reproduction. Name another "
                "folder (--folder)."
            )
        if (folder / OUTCOME).exists():
            shutil.rmtree(folder)
        elif found != commit:
            raise DownlinkError(
                f"{folder}: contains an interrupted reproduction of commit {found}, not of "
                f"{commit}. Delete it, or name another folder (--folder)."
            )
    if folder.exists() and any(folder.iterdir()):
        _log.info("%s: going on with an interrupted reproduction", folder)
    else:
        _log.info("%s: a clone of commit %s", folder, commit)
        folder.mkdir(parents=True, exist_ok=True)
        # borrows the objects: a commit that no branch holds any more is among them
        options = ["--quiet", "--shared", "--no-checkout", "--config", f"{_MARK}={commit}"]
        git(project, "clone", *options, ".", str(folder.resolve()))
    git(folder, "checkout", "--quiet", "--detach", commit)


def _reproduced_in(folder: Path) -> str | None:
    """The commit of a reproduction in `folder`; None for any other folder."""
    configuration = folder / ".git" / "config"
    if not configuration.is_file():
        return None
    return git(folder, "config", "--file", ".git/config", "--default", "", _MARK) or None


def _bring_overlay(overlay: Path, name: str, folder: Path) -> None:
    """Copy a configuration file into the clone, unless git tracks it."""
    if not tracked(folder, name):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(overlay, folder / name)


def _run(folder: Path, overlays: Sequence[str], cores: str, options: Sequence[str]) -> None:
    command = [sys.executable, "-m", "snakemake", "--cores", cores]
    command += ["--configfile", *overlays] if overlays else []
    # this Python and its packages, but the clone's own library
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(folder.resolve())}
    done = subprocess.run([*command, *options], cwd=folder, env=environment, check=False)
    if done.returncode:
        raise DownlinkError(
            f"{folder}: the second run failed; see above, and the logs below that folder. Run the "
            "same command again to resume."
        )
