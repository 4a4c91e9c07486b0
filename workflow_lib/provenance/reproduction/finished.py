"""A finished study: its results folder, and the sidecars that say what belongs to it."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

from workflow_lib.errors import DownlinkError
from workflow_lib.provenance.sidecar import Sidecar

JOURNALS = "runs"
"""First part of the name of a training's journal, beside the folders of results."""


@dataclass(frozen=True)
class Finished:
    """What jobs left in a results folder, wherever that lies by now.

    Attributes:
        folder: the results folder.
        sidecars: of all jobs, by the name of their first output below the folder.
    """

    folder: Path
    sidecars: dict[str, Sidecar]

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The study in a folder.

        Raises:
            DownlinkError: no job left a sidecar there, or a sidecar is damaged.
        """
        below = folder / "provenance"
        files = sorted(below.rglob("*.json"))
        if not files:
            raise DownlinkError(
                f"{below}: holds no sidecar, so that nobody can tell what belongs to the study. "
                "Run the study first (make study), with a version of Downlink that writes them; of "
                "a study from elsewhere bring the whole results folder, provenance/ included."
            )
        names = (file.relative_to(below).as_posix().removesuffix(".json") for file in files)
        return cls(folder, {n: Sidecar.read(f) for n, f in zip(names, files, strict=True)})

    @cached_property
    def artifacts(self) -> dict[str, Path]:
        """What jobs made, and the journals of trainings, by names that any folder shares."""
        found = {}
        for first, sidecar in self.sidecars.items():
            root = next(iter(sidecar.outputs)).removesuffix(first)
            for output in sidecar.outputs:
                name = output.removeprefix(root)
                found[name] = self.folder / name
            for run in sidecar.parameters.get("run", []):
                kept = self.folder / run.removeprefix(root)
                for journal in sorted(kept.rglob("metrics.jsonl")):
                    found[f"{JOURNALS}/{first}/{journal.relative_to(kept).as_posix()}"] = journal
        return {name: path for name, path in sorted(found.items()) if path.exists()}
