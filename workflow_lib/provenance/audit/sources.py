"""Compare the inputs that jobs read with their producers' records and with the present files."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from workflow_lib.provenance.audit.disk import THREADS, Disk, digest_of
from workflow_lib.provenance.audit.faults import Fault
from workflow_lib.provenance.audit.records import Records, first_names
from workflow_lib.provenance.jobs import first_output
from workflow_lib.provenance.reading import is_result
from workflow_lib.provenance.sidecar import Sidecar

_OF_THE_KERNEL = ("/proc", "/sys", "/dev")
_LONGEST_MARK = 1000


@dataclass(frozen=True)
class Sources:
    """The outcome of comparing inputs.

    Attributes:
        faults: jobs that read other bytes than the producer recorded; missing or changed inputs.
        notices: archives that lie on another machine.
    """

    faults: tuple[Fault, ...]
    notices: tuple[str, ...]


def check_sources(records: Records, disk: Disk) -> Sources:
    """Compare the inputs of all current jobs with the records and the present files."""
    others = _other_results(records)
    readers = _readers_of_sources(records, disk)
    with ThreadPoolExecutor(THREADS) as pool:
        digests = pool.map(lambda name: _present(records, name), readers)
        present = dict(zip(readers, digests, strict=True))
    known = _archive_digests(records, disk)
    elsewhere = {
        name: known[PurePosixPath(name).name]
        for name, jobs in readers.items()
        if present[name] is None
        and _is_foreign(records, name)
        and {job.inputs[name] for job in jobs} == {known.get(PurePosixPath(name).name)}
    }
    compared = {name: jobs for name, jobs in readers.items() if name not in elsewhere}
    return Sources((*others, *_source_faults(records, compared, present)), _notices(elsewhere))


def _other_results(records: Records) -> Iterator[Fault]:
    """Faults of jobs whose record of an input differs from the record of its producer."""
    for first, job in records.current.items():
        others = [
            name
            for name, digest in job.inputs.items()
            if (producer := records.producers.get(name)) and producer.outputs[name] != digest
        ]
        if others:
            what = f"was made from another version of {first_names(others)}"
            yield Fault("made from another", first, what, job.rule, (first,))


def _readers_of_sources(records: Records, disk: Disk) -> dict[str, list[Sidecar]]:
    """For each input that no job made, the jobs that read it."""
    readers: dict[str, list[Sidecar]] = {}
    for job in records.current.values():
        for name in job.inputs:
            if name not in records.producers and not disk.hidden(name):
                readers.setdefault(name, []).append(job)
    return readers


def _source_faults(
    records: Records, readers: dict[str, list[Sidecar]], present: dict[str, str | None]
) -> Iterator[Fault]:
    """One fault for each raster, archive or template that is missing or changed."""
    for name, jobs in readers.items():
        stale = [job for job in jobs if job.inputs[name] != present[name]]
        if stale:
            state = "is missing" if present[name] is None else "has changed"
            what = f"{state} since {first_names([first_output(job) for job in stale])} was made"
            again = _again(records, name, stale, present[name] is not None)
            yield Fault("source", name, what, stale[0].rule, again)


def _again(records: Records, name: str, readers: list[Sidecar], exists: bool) -> tuple[str, ...]:
    """Outputs to regenerate: an archive's mark, or what was made from an input that exists."""
    read = tuple(map(first_output, readers))
    if is_result(name, records.results):
        return (name, *read)
    mark = f"{records.results}/archives/{PurePosixPath(name).name}.sha256"
    if any(mark in job.inputs for job in readers):
        return (mark,)
    return read if exists else ()


def _present(records: Records, name: str) -> str | None:
    """Digest of an input; None for kernel files and devices, whose reading may never end."""
    if "\0" in name:
        return None
    path, root = Path(os.path.realpath(records.root / name)), Path(os.path.realpath(records.root))
    if not path.is_relative_to(root) and any(map(path.is_relative_to, _OF_THE_KERNEL)):
        return None
    return digest_of(path) if _is_file(path) else None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # the name is too long, or the folder may not be read
        return False


def _is_foreign(records: Records, name: str) -> bool:
    """Whether a name is an absolute path outside the project."""
    return PurePosixPath(name).is_absolute() and not Path(name).is_relative_to(records.root)


def _archive_digests(records: Records, disk: Disk) -> dict[str, str]:
    """Digests of the study's archives by file name, read from the marks in `archives/`."""
    folder = PurePosixPath(records.results, "archives")
    marks = (
        records.root / name
        for name in records.producers
        if PurePosixPath(name).parent == folder and not disk.hidden(name)
    )
    lines = (_line(mark).split() for mark in marks if _is_file(mark))
    return {line[1]: line[0] for line in lines if len(line) == 2}


def _line(mark: Path) -> str:
    with mark.open("rb") as file:
        return file.read(_LONGEST_MARK).decode(errors="replace")


def _notices(elsewhere: dict[str, str]) -> tuple[str, ...]:
    return tuple(
        f"{name} cannot be compared here: it is missing. The study's mark of this archive has the "
        f"digest that jobs read: {digest}."
        for name, digest in elsewhere.items()
    )
