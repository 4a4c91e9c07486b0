"""The plan as the audit asks for it: all jobs of a study, and why some are out of date."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

ASKED = "DOWNLINK_PLAN"
"""Environment variable with the path to which a dry run writes its plan."""


@dataclass(frozen=True)
class Planned:
    """Jobs by their first output.

    Attributes:
        jobs: the rule of every job of the study.
        differences: how a job differs from its record; empty if it does not. Jobs that follow from
            others that must run were not compared.
        target: file to write to; None if nobody asked.
    """

    jobs: Mapping[str, str] = field(default_factory=dict)
    differences: dict[str, list[str]] = field(default_factory=dict)
    target: Path | None = None

    @classmethod
    def asked(cls) -> Self:
        """An empty plan, with the target that the environment names."""
        target = os.environ.get(ASKED)
        return cls(target=Path(target) if target else None)

    def write(self, jobs: Iterable[Any]) -> None:
        """Write the plan; `jobs` are Snakemake's."""
        assert self.target
        named = {str(job.output[0]): job.rule.name for job in jobs if job.output}
        differing = {output: found for output, found in self.differences.items() if found}
        self.target.write_text(json.dumps({"jobs": named, "differences": differing}))

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read what `write` wrote."""
        return cls(**json.loads(file.read_text()))
