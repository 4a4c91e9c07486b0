"""Describe the environment of a job: installed packages and git commit."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from workflow_lib.provenance.lock import normalised


class Commit(NamedTuple):
    """Commit of the project, and whether it has no edits; None without git."""

    commit: str | None
    clean: bool | None


def installed(names: list[str]) -> dict[str, str]:
    """Versions of those of the packages that are installed, by normalised name.

    From their folders' names: importlib.metadata would read a file for each one.
    """
    found: dict[str, str] = {}
    for place in sys.path:
        for entry in _listed(place):
            if entry.endswith(".dist-info"):
                package, _, version = entry.removesuffix(".dist-info").rpartition("-")
                found.setdefault(normalised(package), version)
    return {name: found[name] for name in names if name in found}


def _listed(folder: str) -> list[str]:
    try:
        return [path.name for path in Path(folder).iterdir()]
    except OSError:
        return []


def commit(root: Path) -> Commit:
    """Commit of a checkout, and whether all tracked files equal it."""
    options = [
        "-c",
        f"safe.directory={root}",
    ]  # the project may be another user's, as in containers
    try:
        asked = subprocess.run(
            ["git", *options, "status", "--porcelain=v2", "--branch", "--untracked-files=no"],
            cwd=root,
            # Jobs run side by side: none may wait for another's lock. A repository further up is
            # not the project's.
            env={
                **os.environ,
                "GIT_OPTIONAL_LOCKS": "0",
                "GIT_CEILING_DIRECTORIES": str(root.parent),
            },
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return Commit(None, None)
    lines = asked.stdout.splitlines()
    named = [line.split()[-1] for line in lines if line.startswith("# branch.oid ")]
    return Commit(
        next((name for name in named if name != "(initial)"), None),
        all(line.startswith("#") for line in lines),
    )
