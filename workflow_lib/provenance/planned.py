"""Why jobs of a study are out of date, as the plan tells the audit."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from workflow_lib.errors import DownlinkError
from workflow_lib.provenance.reading import content_of, read_checked
from workflow_lib.provenance.sidecar import Sidecar

ASKED = "DOWNLINK_PLAN"
"""Environment variable with the path to which a dry run writes the differences."""


@dataclass(frozen=True)
class Planned:
    """Differences between jobs and their records.

    Attributes:
        differences: in words, by the first output of a job; empty if there are none. Jobs that
            follow from others that must run are not compared.
        target: file to write to; None if nobody asked.
    """

    differences: dict[str, list[str]] = field(default_factory=dict)
    target: Path | None = None

    @classmethod
    def asked(cls) -> Self:
        """Return an empty plan, with the target that the environment names."""
        target = os.environ.get(ASKED)
        return cls(target=Path(target) if target else None)

    def write(self) -> None:
        """Write the jobs that differ to the target, if there is one."""
        if self.target:
            differing = {output: found for output, found in self.differences.items() if found}
            self.target.write_text(json.dumps(differing))

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read what `write` wrote."""
        return cls(json.loads(file.read_text()))


def recorded(sidecar: Path) -> Sidecar | None:
    """Read the record of a job; None if it is missing or damaged."""
    try:
        return read_checked(sidecar, content_of(sidecar))
    except (DownlinkError, OSError):
        return None
