"""Which jobs are on record, and which of them count: those behind what a study was run for."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol, TypeVar

from workflow_lib.errors import DownlinkError
from workflow_lib.paths import Paths
from workflow_lib.provenance.digests import ROOT, file_digest
from workflow_lib.provenance.sidecar import Sidecar


class Job(Protocol):
    """What a job read and made: digests by path."""

    @property
    def inputs(self) -> Mapping[str, str]:
        """Of what it was made from."""

    @property
    def outputs(self) -> Mapping[str, str]:
        """Of what came of it."""


J = TypeVar("J", bound=Job)


def first_output(job: Job) -> str:
    """What a job is called by; made again, all its outputs are."""
    return next(iter(job.outputs))


def finals(results: str) -> tuple[str, ...]:
    """What a study is run for."""
    paths = Paths(results)
    return paths.report(), paths.main_table(), paths.findings()


def sidecar_files(folder: Path) -> list[Path]:
    """All sidecars below a results folder, in order; none that was being written in a killed job.

    Raises:
        DownlinkError: there is none.
    """
    below = folder / "provenance"
    # files.atomic writes in a folder whose name begins with a dot
    files = sorted(file for file in below.rglob("*.json") if file.parent.name[:1] != ".")
    if not files:
        raise DownlinkError(
            f"{below}: holds no sidecar, so that nobody can tell what belongs to the study. Run "
            "the study first (make), or name another one (STUDY=FILE); of a study from elsewhere "
            "bring the whole results folder, provenance/ included."
        )
    return files


def producers(jobs: Iterable[J]) -> dict[str, J]:
    """The job that made each output.

    Raises:
        DownlinkError: two jobs claim the same.
    """
    found: dict[str, J] = {}
    for job in jobs:
        for output in job.outputs:
            if output in found:
                raise DownlinkError(
                    f"{output}: two sidecars claim to be of the job that made it. Find out with "
                    "make audit which one is left over, and remove it."
                )
            found[output] = job
    return found


def reached(results: str, makers: Mapping[str, J]) -> tuple[dict[str, J], set[str]]:
    """The jobs behind what a study was run for, by first output, and what was met that none made.

    Jobs that this does not reach are left over: of a scene, rate or dataset that was taken out.
    """
    found: dict[str, J] = {}
    unmade: set[str] = set()
    waiting = list(finals(results))
    while waiting:
        name = waiting.pop()
        if name not in makers:
            unmade.add(name)
            continue
        job = makers[name]
        first = first_output(job)
        if first not in found:
            found[first] = job
            waiting.extend(job.inputs)
    return found, unmade


def behind_results(results: str, jobs: Iterable[J]) -> dict[str, J]:
    """The jobs behind what a study was run for, by first output, in order.

    Raises:
        DownlinkError: some result on the way there has no sidecar, or two.
    """
    found, unmade = reached(results, producers(jobs))
    lost = sorted(name for name in unmade if name.startswith(f"{results}/"))
    if lost:
        raise DownlinkError(
            f"{lost[0]}: no sidecar says how it was made. Delete it, if it is there, and run the "
            "study again."
        )
    return dict(sorted(found.items()))


def outdated(job: Sidecar, root: Path = ROOT) -> str | None:
    """A file of the code that a job ran and that is another one now; None where all is the same."""
    for file, digest in job.code.items():
        present = root.resolve() / file
        if not present.is_file() or file_digest(str(present)) != digest:
            return file
    return None
