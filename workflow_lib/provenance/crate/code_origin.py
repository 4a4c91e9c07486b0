"""Whether the workflow's files in a crate are those that its jobs ran with: by git, by the lock."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path

from workflow_lib.errors import DownlinkError
from workflow_lib.provenance.crate.workflow import FOLDER
from workflow_lib.provenance.environment import Commit, commit
from workflow_lib.provenance.git import git
from workflow_lib.provenance.jobs import first_output
from workflow_lib.provenance.sidecar import Sidecar


def present_commit(root: Path, files: Mapping[str, Path]) -> Commit:
    """The project's state in git; not clean also where git does not keep one of the files."""
    here = commit(root)
    if here.commit is None:
        return here
    names, folder = set(git(root, "ls-files", "-z").split("\0")), root.resolve()
    known = all(
        name in names and file.resolve().is_relative_to(folder) for name, file in files.items()
    )
    return Commit(here.commit, bool(here.clean) and known)


def origin(ran: AbstractSet[Commit], here: Commit) -> str:
    """Whether the files are those that jobs ran with: a sentence or two.

    Only a commit tells of rules and configuration; a job's record has its code and packages.
    """
    if here.clean and ran == {here}:
        return f"{FOLDER}/ is the workflow as it was run: every job ran from commit {here.commit}."
    jobs = " and ".join(sorted(map(_told, ran)))
    return (
        f"{FOLDER}/ is the workflow as it was at export, from {_told(here)}; its jobs ran from "
        f"{jobs}. Their code and their locked packages are the same, but rules and configuration "
        "may not be."
    )


def require_locked(job: Sidecar, lock: Mapping[str, str]) -> None:
    """Refuse a job whose packages the lock no longer pins to the same versions.

    Raises:
        DownlinkError: there is such a package.
    """
    for name, version in job.locked.items():
        if lock.get(name) != version:
            raise DownlinkError(
                f"envs/requirements.lock: it has changed since {first_output(job)} was made: "
                f"{name} was {version}, now it is {lock.get(name, 'gone')}. Run the study again."
            )


def _told(state: Commit) -> str:
    if state.commit is None:
        return "no commit"
    return f"commit {state.commit}{'' if state.clean else ' with changes'}"
