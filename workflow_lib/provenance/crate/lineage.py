"""Trace a study's report back through the jobs that made it to the original inputs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from workflow_lib.errors import DownlinkError
from workflow_lib.paths import Paths
from workflow_lib.provenance.jobs import (
    finals,
    outdated,
    producers,
    required_jobs,
    sidecar_files,
)
from workflow_lib.provenance.sidecar import Sidecar


@dataclass(frozen=True)
class Lineage:
    """The jobs and files of a finished study, from the sidecars of its jobs.

    Paths are those of the sidecars: relative to the project's folder, or absolute.

    Attributes:
        sidecars: the jobs' sidecars, in order of their names.
        made: digests of the outputs of these jobs, by path.
        found: digests of the inputs that none of these jobs made, by path.
        positions: topological order of the rules; empty if the rules form a cycle.
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
    """Part of a sidecar that stays in memory; `outdated` names code that has changed since."""

    file: Path
    rule: str
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    outdated: str | None


def trace(paths: Paths, root: Path) -> Lineage:
    """Trace the jobs that made a study's report, and their inputs.

    `root` is the project's folder. Results that the study no longer needs are ignored.

    Raises:
        DownlinkError: the study is not finished, a result has no sidecar, a result was made again
            after a job had read it, or a job ran code that is no longer the project's.
    """
    if not (root / paths.report()).is_file():
        raise DownlinkError(
            f"{paths.report()}: the study is not finished. Run it first (make), or name another "
            "one (STUDY=FILE)."
        )
    needed = required_jobs(paths.root, _jobs(root / paths.root))
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
    """The final results of a study, and the table of metrics."""
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
