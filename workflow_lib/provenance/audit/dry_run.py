"""Read the jobs that Snakemake would still run from the output of its dry run."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from workflow_lib.provenance.audit.faults import counted

_STATS = re.compile(r"^Job stats:\n.*\n[- ]+\n((?:\S+ +\d+\n)+)", re.MULTILINE)
_NOTHING = "Nothing to be done"
_NO_JOBS = {"all", "total"}
_ERROR = re.compile(r"^\w*(?:Error|Exception)\b.*", re.MULTILINE | re.DOTALL)
_MAX_LENGTH = 300


@dataclass(frozen=True)
class DryRun:
    """The jobs that are left to run.

    Attributes:
        jobs: number of jobs by rule; None if unknown.
        reason: why it is unknown; empty if it is known.
    """

    jobs: Mapping[str, int] | None
    reason: str = ""

    @classmethod
    def of(cls, status: int, output: str) -> Self:
        """Parse the exit status and output of `snakemake --dry-run --quiet rules`."""
        if status:
            error = _ERROR.search(output)
            reason = error[0] if error else "".join(output.splitlines()[-1:])
            return cls(None, f"Snakemake made no plan: {' '.join(reason.split())[:_MAX_LENGTH]}")
        if stats := _STATS.search(output):
            rows = (line.split() for line in stats[1].splitlines())
            return cls({rule: int(count) for rule, count in rows if rule not in _NO_JOBS})
        if _NOTHING in output:
            return cls({})
        return cls(None, "the output of Snakemake's dry run could not be parsed")

    def __str__(self) -> str:
        if self.jobs is None:
            return self.reason
        rules = ", ".join(f"{count:,} {rule}" for rule, count in self.jobs.items())
        return f"{counted(sum(self.jobs.values()), 'job')} would run" + (f": {rules}" * bool(rules))


NOT_RUN = DryRun(None, "Snakemake was not run")
