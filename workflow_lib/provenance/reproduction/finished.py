"""Read a finished study: its results folder and the sidecars that list its artifacts."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

from workflow_lib.provenance.jobs import required_jobs, sidecar_files
from workflow_lib.provenance.reading import content_of, is_below, read_checked, require_own
from workflow_lib.provenance.sidecar import Sidecar
from workflow_lib.training.journal import JOURNAL

JOURNALS = "runs"
"""First part of the name of a training's journal, beside the folders of results."""


@dataclass(frozen=True)
class Finished:
    """The artifacts of a study's required jobs in a results folder, which may have been moved.

    Attributes:
        folder: the results folder.
        results: what it was called when the study ran: names in sidecars begin with it.
        sidecars: of these jobs, by the name of their first output below the folder.
    """

    folder: Path
    results: str
    sidecars: dict[str, Sidecar]

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The study in a folder.

        Raises:
            DownlinkError: no job left a sidecar there, a sidecar is damaged or no job's, or a
                result that the report was made from has none.
        """
        jobs = {file: read_checked(file, content_of(file)) for file in sidecar_files(folder)}
        below = {file: _named_after(file, folder) for file in jobs}
        first = next(iter(jobs))
        results = next(iter(jobs[first].outputs), "").removesuffix(f"/{below[first]}")
        for file, job in jobs.items():
            require_own(job, file, f"{results}/{below[file]}", results)
        reached = required_jobs(results, jobs.values())
        return cls(
            folder,
            results,
            {name.removeprefix(f"{results}/"): job for name, job in reached.items()},
        )

    @cached_property
    def artifacts(self) -> dict[str, Path]:
        """The entries of `named` that exist."""
        return {name: path for name, path in self.named.items() if path.exists()}

    @cached_property
    def named(self) -> dict[str, Path]:
        """What jobs made, and the journals of trainings, by names that any folder shares."""
        found = {}
        for first, sidecar in self.sidecars.items():
            for output in sidecar.outputs:
                name = output.removeprefix(f"{self.results}/")
                found[name] = self.folder / name
            runs = f"{self.results}/{JOURNALS}"
            for run in (run for run in sidecar.parameters.get("run", []) if is_below(run, runs)):
                kept = self.folder / run.removeprefix(f"{self.results}/")
                # a training that has lost its journals lacks one of any name
                for journal in sorted(kept.rglob(JOURNAL)) or [kept / JOURNAL]:
                    found[f"{JOURNALS}/{first}/{journal.relative_to(kept).as_posix()}"] = journal
        return dict(sorted(found.items()))


def _named_after(sidecar: Path, folder: Path) -> str:
    """The output whose name a sidecar bears, below the results folder."""
    return sidecar.relative_to(folder / "provenance").as_posix().removesuffix(".json")
