"""Compare the code and packages that jobs ran with the present ones."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath

from workflow_lib.provenance.audit.faults import Fault, Kind, counted
from workflow_lib.provenance.audit.records import Records, first_names, jobs_by_rule
from workflow_lib.provenance.digests import file_digest
from workflow_lib.provenance.jobs import first_output
from workflow_lib.provenance.lock import read_lock
from workflow_lib.provenance.sidecar import EDITED, Sidecar

_Differing = Callable[[Sidecar], tuple[str, ...]]


def code_faults(records: Records) -> Iterator[Fault]:
    """Faults of jobs that ran other code, other locked versions, or unlocked packages."""
    lock = read_lock()
    files = {file for job in records.current.values() for file in job.code}
    present = {file: _present_code(file) for file in files}
    yield from _grouped(records, "code", _edited, "was edited while {jobs} ran", mends=True)
    yield from _grouped(
        records, "code", lambda job: _other_code(job, present), "differs from the code of {jobs}"
    )
    yield from _grouped(
        records, "lock", lambda job: _other_lock(job, lock), "was locked when {jobs} ran"
    )
    yield from _grouped(records, "packages", _other_packages, "was installed when {jobs} ran")


def _grouped(
    records: Records, kind: Kind, differing: _Differing, what: str, mends: bool = False
) -> Iterator[Fault]:
    """One fault for all jobs of a rule that share the same differences."""
    for rule, jobs in jobs_by_rule(records.current.values()).items():
        groups: dict[tuple[str, ...], list[Sidecar]] = {}
        for job in jobs:
            if found := differing(job):
                groups.setdefault(found, []).append(job)
        for found, group in groups.items():
            again = tuple(map(first_output, group)) if mends else ()
            text = what.format(jobs=counted(len(group), "job"))
            yield Fault(kind, first_names(found), text, rule, again)


def _edited(job: Sidecar) -> tuple[str, ...]:
    return tuple(file for file, digest in job.code.items() if digest == EDITED)


def _other_code(job: Sidecar, present: Mapping[str, str | None]) -> tuple[str, ...]:
    return tuple(
        file for file, digest in job.code.items() if digest != EDITED and digest != present[file]
    )


def _present_code(file: str) -> str | None:
    """Code digest of a project file; None if it lies outside or cannot be parsed."""
    pure = PurePosixPath(file)
    if pure.is_absolute() or ".." in pure.parts or pure.suffix != ".py":
        return None
    try:
        return file_digest(file)
    except (OSError, SyntaxError, ValueError):
        return None


def _other_lock(job: Sidecar, lock: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(
        f"{name} {version} (now {lock.get(name, 'none')})"
        for name, version in job.locked.items()
        if lock.get(name) != version
    )


def _other_packages(job: Sidecar) -> tuple[str, ...]:
    """Packages whose version differs from the lock, ignoring build suffixes such as "+cpu"."""
    return tuple(
        f"{name} {job.packages.get(name, 'none')} (locked {version})"
        for name, version in job.locked.items()
        if job.packages.get(name, "").partition("+")[0] != version.partition("+")[0]
    )
