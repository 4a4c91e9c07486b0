"""Find the commit from which a study can be run again."""

import logging
from collections import defaultdict
from pathlib import Path

from workflow_lib.errors import DownlinkError
from workflow_lib.provenance import environment
from workflow_lib.provenance.git import git
from workflow_lib.provenance.jobs import outdated
from workflow_lib.provenance.lock import LOCK, read_lock
from workflow_lib.provenance.reproduction.finished import Finished

_EXAMPLES = 3
_LOCK = f"envs/{LOCK.name}"
_log = logging.getLogger(__name__)


def commit_of(finished: Finished, project: Path) -> str:
    """The commit that holds the code and locked versions of every job of a study.

    It is the one that all jobs were run from. A study that was built piece by piece has several, or
    some of its jobs met files that were not committed yet: then it is the project's present one, if
    that has the same code and locked versions as each job.

    Raises:
        DownlinkError: there is none.
    """
    origins: dict[tuple[str | None, bool], list[str]] = defaultdict(list)
    for name, job in finished.sidecars.items():
        origins[job.commit, bool(job.clean)].append(name)
    (commit, clean), *others = origins
    if commit is not None and clean and not others and not _unheld(finished, project, commit):
        return commit
    described = "; ".join(
        f"{len(names)} from {commit or 'no commit'}{'' if clean else ' and edited files'} "
        f"({', '.join(names[:_EXAMPLES])}{', …' if len(names) > _EXAMPLES else ''})"
        for (commit, clean), names in origins.items()
    )
    head = environment.commit(project)
    if head.commit is None or not head.clean:
        raise DownlinkError(
            f"{finished.folder}: its jobs do not come from one clean commit: {described}. The "
            "project is not at a clean commit either. Commit your edits, and try again."
        )
    if other := _other_than_now(finished, project):
        raise DownlinkError(
            f"{finished.folder}: its jobs do not come from one clean commit: {described}. Some ran "
            f"other code than that of the present commit, {head.commit}: {other}. Commit the "
            "missing files, or run the study again (make). If code was edited while a job ran, "
            "use make repair."
        )
    _log.info(
        "%s: %d jobs: %s; all ran code and locked versions equal to those of HEAD, %s",
        *(finished.folder, len(finished.sidecars), described, head.commit),
    )
    return head.commit


def _other_than_now(finished: Finished, project: Path) -> str | None:
    """What of some job's code or packages is not the project's, in words."""
    if unheld := _unheld(finished, project, "HEAD"):
        return unheld
    locked = read_lock(project / _LOCK)
    for name, job in finished.sidecars.items():
        if file := outdated(job, project):
            return f"{file} is not the one that made {name}"
        if package := next(
            (p for p, version in job.locked.items() if locked.get(p) != version), ""
        ):
            return f"{package} was locked as {job.locked[package]} when {name} was made"
    return None


def _unheld(finished: Finished, project: Path, commit: str) -> str | None:
    """What of some job's code a commit lacks, in words: an untracked file leaves a tree clean."""
    held = set(git(project, "ls-tree", "-r", "-z", "--name-only", commit).split("\0"))
    return next(
        (
            f"it lacks {file}, by which {name} was made"
            for name, job in finished.sidecars.items()
            for file in job.code
            if file not in held
        ),
        None,
    )
