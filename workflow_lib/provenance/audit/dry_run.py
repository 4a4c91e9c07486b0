"""Read the jobs that Snakemake would still run from the output of its dry run."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from workflow_lib.provenance.audit.faults import counted
from workflow_lib.provenance.planned import Planned

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
        differences: how jobs differ from their records, in words, by first output. Jobs that follow
            from these are not compared.
        reason: why it is unknown; empty if it is known.
    """

    jobs: Mapping[str, int] | None
    reason: str = ""
    differences: Mapping[str, list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, status: int, output: str, planned: Planned | None = None) -> Self:
        """Parse the exit status and output of `snakemake --dry-run --quiet rules`.

        Args:
            status: exit status.
            output: what it printed.
            planned: what it wrote besides.
        """
        differences = planned.differences if planned else {}
        if status:
            error = _ERROR.search(output)
            reason = error[0] if error else "".join(output.splitlines()[-1:])
            return cls(None, f"Snakemake made no plan: {' '.join(reason.split())[:_MAX_LENGTH]}")
        if stats := _STATS.search(output):
            rows = (line.split() for line in stats[1].splitlines())
            jobs = {rule: int(count) for rule, count in rows if rule not in _NO_JOBS}
            return cls(jobs, differences=differences)
        if _NOTHING in output:
            return cls({})
        return cls(None, "the output of Snakemake's dry run could not be parsed")

    def __str__(self) -> str:
        if self.jobs is None:
            return self.reason
        rules = ", ".join(f"{count:,} {rule}" for rule, count in self.jobs.items())
        return f"{counted(sum(self.jobs.values()), 'job')} would run" + (f": {rules}" * bool(rules))


NOT_RUN = DryRun(None, "Snakemake was not run")
