"""Check by git and by the lock whether a crate contains the workflow that its jobs ran."""

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
    """The project's state in git; also not clean if git does not track one of the files."""
    here = commit(root)
    if here.commit is None:
        return here
    names, folder = set(git(root, "ls-files", "-z").split("\0")), root.resolve()
    known = all(
        name in names and file.resolve().is_relative_to(folder) for name, file in files.items()
    )
    return Commit(here.commit, bool(here.clean) and known)


def origin(ran: AbstractSet[Commit], here: Commit) -> str:
    """State in one or two sentences whether the crate contains the workflow that ran.

    Only a commit covers rules and configuration; a job's record covers its code and packages.
    """
    if here.clean and ran == {here}:
        return f"{FOLDER}/ is the workflow as it was run: every job ran from commit {here.commit}."
    jobs = " and ".join(sorted(map(_described, ran)))
    return (
        f"{FOLDER}/ is the workflow as it was at export, from {_described(here)}; its jobs ran "
        f"from {jobs}. Their code and locked packages are the same, but rules and configuration "
        "may not be."
    )


def require_locked(job: Sidecar, lock: Mapping[str, str]) -> None:
    """Check that the lock still pins a job's packages to the same versions.

    Raises:
        DownlinkError: the lock pins one of the packages to another version.
    """
    for name, version in job.locked.items():
        if lock.get(name) != version:
            raise DownlinkError(
                f"envs/requirements.lock: it has changed since {first_output(job)} was made: "
                f"{name} was {version}, now it is {lock.get(name, 'gone')}. Run the study again."
            )


def _described(state: Commit) -> str:
    if state.commit is None:
        return "no commit"
    return f"commit {state.commit}{'' if state.clean else ' with changes'}"
