"""Find the recorded jobs that a study's final results depend on."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol, TypeVar

from workflow_lib.errors import DownlinkError
from workflow_lib.paths import Paths
from workflow_lib.provenance.digests import ROOT, file_digest
from workflow_lib.provenance.sidecar import Sidecar


class Job(Protocol):
    """Inputs and outputs of a job: digests by path."""

    @property
    def inputs(self) -> Mapping[str, str]:
        """Digests of the files that the job read, by path."""

    @property
    def outputs(self) -> Mapping[str, str]:
        """Digests of the files that the job made, by path."""


J = TypeVar("J", bound=Job)


def first_output(job: Job) -> str:
    """The output that identifies a job; regenerating it regenerates all outputs of the job."""
    return next(iter(job.outputs))


def finals(results: str) -> tuple[str, ...]:
    """The final results of a study: report, main table and findings."""
    paths = Paths(results)
    return paths.report(), paths.main_table(), paths.findings()


def sidecar_files(folder: Path) -> list[Path]:
    """All sidecars below a results folder, sorted, without half-written ones of killed jobs.

    Raises:
        DownlinkError: the folder has no sidecar.
    """
    below = folder / "provenance"
    # files.atomic writes in a folder whose name begins with a dot
    files = sorted(file for file in below.rglob("*.json") if file.parent.name[:1] != ".")
    if not files:
        raise DownlinkError(
            f"{below}: this folder contains no sidecars, the records of the study's jobs. Run the "
            "study first (make), or name another study (STUDY=FILE). If the results come from "
            "another machine, copy the whole results folder with provenance/."
        )
    return files


def producers(jobs: Iterable[J]) -> dict[str, J]:
    """The job that made each output.

    Raises:
        DownlinkError: two jobs claim the same output.
    """
    found: dict[str, J] = {}
    for job in jobs:
        for output in job.outputs:
            if output in found:
                raise DownlinkError(
                    f"{output}: two sidecars claim this output. Run make audit to see which of "
                    "them is left over, and remove that one."
                )
            found[output] = job
    return found


def reached(results: str, makers: Mapping[str, J]) -> tuple[dict[str, J], set[str]]:
    """The jobs that the final results depend on, by first output, and inputs that no job made.

    All other jobs are left over, e.g. from a scene, rate or dataset removed from the study.
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


def required_jobs(results: str, jobs: Iterable[J]) -> dict[str, J]:
    """The jobs that the final results depend on, sorted by first output.

    Raises:
        DownlinkError: one of the results has no sidecar, or two.
    """
    found, unmade = reached(results, producers(jobs))
    lost = sorted(name for name in unmade if name.startswith(f"{results}/"))
    if lost:
        raise DownlinkError(
            f"{lost[0]}: no sidecar records how this result was made. Delete it if it exists, "
            "then run the study again."
        )
    return dict(sorted(found.items()))


def outdated(job: Sidecar, root: Path = ROOT) -> str | None:
    """The first code file that has changed since the job ran; None if all are unchanged."""
    for file, digest in job.code.items():
        present = root.resolve() / file
        if not present.is_file() or file_digest(str(present)) != digest:
            return file
    return None
