"""The jobs behind a study's results: from the report back to the files that nobody made."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from workflow_lib.errors import DownlinkError
from workflow_lib.paths import Paths
from workflow_lib.provenance.jobs import (
    behind_results,
    finals,
    outdated,
    producers,
    sidecar_files,
)
from workflow_lib.provenance.sidecar import Sidecar


@dataclass(frozen=True)
class Lineage:
    """A finished study, as its jobs' sidecars tell it.

    Paths are those of the sidecars: relative to the project's folder, or absolute.

    Attributes:
        sidecars: the jobs' sidecars, in order of their names.
        made: digest of everything that these jobs made, by path.
        found: digest of everything that they read and none of them made, by path.
        positions: of each rule: greater than those of all rules whose outputs it reads. Empty
            where rules feed each other.
    """

    sidecars: tuple[Path, ...]
    made: Mapping[str, str]
    found: Mapping[str, str]
    positions: Mapping[str, int]

    def jobs(self) -> Iterator[tuple[Path, Sidecar]]:
        """The sidecars, read one by one: those of a large study do not fit into memory."""
        for file in self.sidecars:
            yield file, Sidecar.read(file)


@dataclass(frozen=True)
class _Job:
    """What of a sidecar is kept in memory; `outdated` is code that it ran and that has changed."""

    file: Path
    rule: str
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    outdated: str | None


def trace(paths: Paths, root: Path) -> Lineage:
    """The jobs that made a study's report, and all that they were made from.

    `root` is the project's folder. Sidecars of results that the study no longer needs are left out.

    Raises:
        DownlinkError: the study is not finished, a result has no sidecar, a result was made again
            after a job had read it, or a job ran code that is no longer the project's.
    """
    if not (root / paths.report()).is_file():
        raise DownlinkError(
            f"{paths.report()}: the study is not finished. Run it first (make), or name another "
            "one (STUDY=FILE)."
        )
    needed = behind_results(paths.root, _jobs(root / paths.root))
    makers = producers(needed.values())
    found: dict[str, str] = {}
    for first, job in needed.items():
        if job.outdated is not None:
            raise DownlinkError(
                f"{job.outdated}: its code has changed since {first} was made with it. Run the "
                "study again."
            )
        for path, digest in job.inputs.items():
            if path in makers:
                _require_same(path, digest, makers[path].outputs[path], first)
            else:
                _require_same(path, digest, found.setdefault(path, digest), first)
    return Lineage(
        sidecars=tuple(sorted(job.file for job in needed.values())),
        made={path: digest for job in needed.values() for path, digest in job.outputs.items()},
        found=dict(sorted(found.items())),
        positions=_positions(list(needed.values()), makers),
    )


def targets(paths: Paths) -> tuple[str, ...]:
    """What a study is run for, and the table behind it."""
    return *finals(paths.root), paths.metrics()


def _jobs(folder: Path) -> Iterator[_Job]:
    for file in sidecar_files(folder):
        job = Sidecar.read(file)
        yield _Job(file, job.rule, job.inputs, job.outputs, outdated(job))


def _require_same(path: str, read: str, known: str, first: str) -> None:
    if read != known:
        raise DownlinkError(
            f"{path}: it has changed since {first} was made from it. Run the study again."
        )


def _positions(jobs: list[_Job], makers: Mapping[str, _Job]) -> dict[str, int]:
    before: dict[str, set[str]] = {job.rule: set() for job in jobs}
    for job in jobs:
        before[job.rule].update(makers[path].rule for path in job.inputs if path in makers)
    sorter = TopologicalSorter(before)
    try:
        sorter.prepare()
    except CycleError:
        return {}
    positions: dict[str, int] = {}
    position = 0
    while sorter.is_active():
        ready = sorter.get_ready()
        positions.update(dict.fromkeys(ready, position))
        sorter.done(*ready)
        position += 1
    return dict(sorted(positions.items()))
