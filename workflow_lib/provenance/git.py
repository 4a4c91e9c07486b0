"""Run git commands."""

import subprocess
from pathlib import Path

from workflow_lib.errors import DownlinkError


def git(folder: Path, *arguments: str) -> str:
    """Run a git command in a folder and return its output.

    Raises:
        DownlinkError: git is missing, or the command failed.
    """
    try:
        done = subprocess.run(
            # the project may be another user's, as in containers
            ["git", "-C", str(folder), "-c", f"safe.directory={folder.resolve()}", *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError as error:
        raise DownlinkError(f"git cannot be run ({error}). Install it, and try again.") from error
    if done.returncode:
        raise DownlinkError(
            f"{folder}: git {arguments[0]} failed ({done.stderr.strip()}). Is the commit that the "
            "study was made from still in the project's git?"
        )
    return done.stdout.strip()


def tracked(folder: Path, path: str) -> bool:
    """Whether git tracks a path below a folder."""
    return bool(git(folder, "ls-files", "--", f":(literal){path}"))
