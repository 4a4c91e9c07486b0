"""Describe the environment of a job: installed packages and git commit."""

import hashlib
import os
import subprocess
import sysconfig
from collections.abc import Iterable
from functools import cache
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
    found = _all_installed()
    return {name: found[name] for name in names if name in found}


@cache
def _all_installed() -> dict[str, str]:
    found: dict[str, str] = {}
    for place in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for entry in _listed(place):
            if entry.endswith(".dist-info"):
                package, _, version = entry.removesuffix(".dist-info").rpartition("-")
                found.setdefault(normalised(package), version)
    return found


def _listed(folder: str) -> list[str]:
    try:
        return [path.name for path in Path(folder).iterdir()]
    except OSError:
        return []


def commit(root: Path) -> Commit:
    """Commit of a checkout, and whether all tracked files equal it."""
    asked = _git(root, "status", "--porcelain=v2", "--branch", "--untracked-files=no")
    if asked is None:
        return Commit(None, None)
    lines = asked.splitlines()
    named = [line.split()[-1] for line in lines if line.startswith("# branch.oid ")]
    return Commit(
        next((name for name in named if name != "(initial)"), None),
        all(line.startswith("#") for line in lines),
    )


def committed(root: Path, files: Iterable[str]) -> bool:
    """Whether the commit of a checkout holds exactly these files, by their contents.

    `git status` passes over files that were never added, or that git was told to assume unchanged.

    Args:
        root: the checkout.
        files: paths below it.
    """
    entries = (_git(root, "ls-tree", "-r", "-z", "HEAD") or "").split("\0")
    blobs = {
        name: words.split()[2] for words, _, name in (e.partition("\t") for e in entries) if name
    }
    return all(blobs.get(file) == _blob(root / file, len(blobs.get(file, ""))) for file in files)


def _blob(file: Path, digits: int) -> str:
    """Git's name of a file's contents, empty if it is gone; SHA-256 if names have 64 digits."""
    try:
        content = file.read_bytes()
    except OSError:
        return ""
    algorithm = hashlib.sha256 if digits == 64 else hashlib.sha1
    return algorithm(b"blob %d\0" % len(content) + content).hexdigest()


def _git(root: Path, *arguments: str) -> str | None:
    """What git prints; None where it fails, e.g. where the project is under no git."""
    try:
        # the project may be another user's, as in containers
        asked = subprocess.run(
            ["git", "-c", f"safe.directory={root}", *arguments],
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
        return None
    return asked.stdout
