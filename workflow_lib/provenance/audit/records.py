"""Read all sidecars of a results folder and link each output to the job that made it."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from workflow_lib.errors import DownlinkError
from workflow_lib.files import joined_sha256
from workflow_lib.provenance import jobs
from workflow_lib.provenance.audit.faults import Fault
from workflow_lib.provenance.reading import content_of, is_result, read_checked, require_own
from workflow_lib.provenance.sidecar import Sidecar


@dataclass(frozen=True)
class Damaged:
    """A sidecar that cannot be trusted: its name, its bytes and the problem."""

    name: str
    content: bytes
    what: str


@dataclass(frozen=True)
class Records:
    """The jobs on record.

    Attributes:
        root: the project's folder.
        results: the results folder, as the study names it; paths of outputs start with it.
        jobs: intact sidecars by their first output.
        damaged: damaged sidecars by the output that their file name refers to.
        seal: SHA-256 over the digests of all sidecars, in the order of their names.
    """

    root: Path
    results: str
    jobs: Mapping[str, Sidecar]
    damaged: Mapping[str, Damaged]
    seal: str

    @cached_property
    def producers(self) -> dict[str, Sidecar]:
        """The job that made each output."""
        return jobs.producers(self.jobs.values())

    @cached_property
    def finals(self) -> tuple[str, ...]:
        """The report, the main table and the findings."""
        return jobs.finals(self.results)

    @cached_property
    def reached(self) -> dict[str, Sidecar] | None:
        """The jobs that the final results depend on; None if a sidecar among them is missing."""
        found, unmade = jobs.reached(self.results, self.producers)
        return None if any(is_result(name, self.results) for name in unmade) else found

    @cached_property
    def current(self) -> dict[str, Sidecar]:
        """The jobs that must be up to date; all jobs if `reached` is unknown."""
        return dict(self.jobs) if self.reached is None else self.reached

    @cached_property
    def wanted(self) -> set[str]:
        """The inputs of current jobs and the final results."""
        return {name for job in self.current.values() for name in job.inputs} | {*self.finals}

    @property
    def faults(self) -> Iterator[Fault]:
        """Faults of sidecars; running a current job again replaces its damaged sidecar."""
        for artifact, damaged in self.damaged.items():
            there = self.reached is None and (self.root / artifact).exists()
            mends = is_result(artifact, self.results) and (there or artifact in self.wanted)
            what = f"is a damaged sidecar: {damaged.what}"
            yield Fault("sidecar", damaged.name, what, again=(artifact,) if mends else ())

    @property
    def left_over(self) -> dict[str, Sidecar]:
        """The jobs that the present report does not depend on."""
        return {name: job for name, job in self.jobs.items() if name not in self.current}


def read_records(results: str, root: Path) -> Records:
    """Read all sidecars below a results folder; a damaged one becomes a fault.

    Raises:
        DownlinkError: the folder has no sidecar.
    """
    folder = root / results / "provenance"
    whole: dict[str, Sidecar] = {}
    damaged: dict[str, Damaged] = {}
    digests: dict[str, str] = {}
    taken, above = set[str](), set[str]()
    for file in jobs.sidecar_files(root / results):
        below = file.relative_to(folder).as_posix()
        name = f"{results}/provenance/{below}"
        artifact = f"{results}/{below.removesuffix('.json')}"
        content = content_of(file)
        digests[below] = hashlib.sha256(content).hexdigest()
        try:
            job = read_checked(file, content)
            require_own(job, file, artifact, results)
            folders = {
                str(folder) for name in job.outputs for folder in PurePosixPath(name).parents
            }
            if twice := job.outputs.keys() & (taken | above) | folders & taken:
                raise DownlinkError(f"this sidecar claims {min(twice)}, and so does another.")
            whole[artifact] = job
            taken |= job.outputs.keys()
            above |= folders
        except DownlinkError as error:
            damaged[artifact] = Damaged(name, content, str(error).removeprefix(f"{file}: "))
    return Records(root, results, whole, damaged, joined_sha256(digests))


def jobs_by_rule(jobs: Iterable[Sidecar]) -> dict[str, list[Sidecar]]:
    """Group jobs by rule, sorted by the rule's name."""
    rules: dict[str, list[Sidecar]] = {}
    for job in jobs:
        rules.setdefault(job.rule, []).append(job)
    return dict(sorted(rules.items()))


def first_names(paths: Sequence[str], limit: int = 3) -> str:
    """Join the first few names and count the rest, e.g. "a, b, c and 4 more"."""
    rest = len(paths) - limit
    return ", ".join(paths[:limit]) + (f" and {rest} more" if rest > 0 else "")
