"""What Snakemake would still run, in the words of its dry run."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from workflow_lib.provenance.audit.faults import counted

_STATS = re.compile(r"^Job stats:\n.*\n[- ]+\n((?:\S+ +\d+\n)+)", re.MULTILINE)
_NOTHING = "Nothing to be done"
_NO_JOBS = {"all", "total"}
_ERROR = re.compile(r"^\w*(?:Error|Exception)\b.*", re.MULTILINE | re.DOTALL)
_MOST = 300


@dataclass(frozen=True)
class Plan:
    """What there is left to run.

    Attributes:
        jobs: number of jobs by rule; None where it is not known.
        reason: why it is not known, empty where it is.
    """

    jobs: Mapping[str, int] | None
    reason: str = ""

    @classmethod
    def of(cls, status: int, words: str) -> Self:
        """The plan that `snakemake --dry-run --quiet rules` ended with, and told."""
        if status:
            error = _ERROR.search(words)
            said = error[0] if error else "".join(words.splitlines()[-1:])
            return cls(None, f"Snakemake made no plan: {' '.join(said.split())[:_MOST]}")
        if stats := _STATS.search(words):
            rows = (line.split() for line in stats[1].splitlines())
            return cls({rule: int(count) for rule, count in rows if rule not in _NO_JOBS})
        return cls({}) if _NOTHING in words else cls(None, "Snakemake's plan could not be read")

    def __str__(self) -> str:
        if self.jobs is None:
            return self.reason
        rules = ", ".join(f"{count:,} {rule}" for rule, count in self.jobs.items())
        return f"{counted(sum(self.jobs.values()), 'job')} would run" + (f": {rules}" * bool(rules))


NOT_ASKED = Plan(None, "Snakemake was not run")
