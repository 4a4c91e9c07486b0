"""What jobs were made from, against what made it and what lies there now."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath

from workflow_lib.provenance.audit.disk import THREADS, Disk, digest_of
from workflow_lib.provenance.audit.faults import Fault
from workflow_lib.provenance.audit.ledger import Ledger, first_output, is_result, names
from workflow_lib.provenance.sidecar import Sidecar


def sources(ledger: Ledger, disk: Disk) -> Iterator[Fault]:
    """Jobs that were made from something else than what is on record, and inputs that are gone."""
    yield from _other_results(ledger)
    yield from _made_by_nobody(ledger, disk)


def _other_results(ledger: Ledger) -> Iterator[Fault]:
    """A job's record of an input is to be the record of the job that made it."""
    for first, job in ledger.current.items():
        others = [
            name
            for name, digest in job.inputs.items()
            if (producer := ledger.producers.get(name)) and producer.outputs[name] != digest
        ]
        if others:
            what = f"was made from another {names(others)} than the present one"
            yield Fault("made from another", first, what, job.rule, (first,))


def _made_by_nobody(ledger: Ledger, disk: Disk) -> Iterator[Fault]:
    """Rasters, archives, templates: one fault each, however many jobs read it."""
    readers: dict[str, list[Sidecar]] = {}
    for job in ledger.current.values():
        for name in job.inputs:
            if name not in ledger.producers and not disk.hidden(name):
                readers.setdefault(name, []).append(job)
    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(lambda name: digest_of(ledger.root / name), readers))
    for (name, jobs), present in zip(readers.items(), found, strict=True):
        stale = [job for job in jobs if job.inputs[name] != present]
        if stale:
            state = "is gone, from which" if present is None else "is not that from which"
            what = f"{state} {names([first_output(job) for job in stale])} was made"
            yield Fault("source", name, what, stale[0].rule, _again(ledger, name, stale))


def _again(ledger: Ledger, name: str, readers: list[Sidecar]) -> tuple[str, ...]:
    """What brings an input back: an archive is fetched again; results are made again."""
    if is_result(name, ledger.results):
        return (name, *map(first_output, readers))
    mark = f"{ledger.results}/archives/{PurePosixPath(name).name}.sha256"
    return (mark,) if any(mark in job.inputs for job in readers) else ()
