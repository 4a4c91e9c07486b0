"""Faults that an audit finds, each with its remedy."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "sidecar",
    "no sidecar",
    "half-written",
    "link",
    "missing",
    "changed",
    "made from another",
    "source",
    "code",
    "lock",
    "packages",
    "report",
    "out of date",
    "another study",
    "altered",
    "made again",
]

_REMEDIES: Mapping[Kind, str] = {
    "sidecar": "remove it and the outputs of its job",
    "no sidecar": "run make repair; if no record appears, remove it",
    "half-written": "remove it; the finished file gets another name",
    "link": "replace it by a copy of its target, or remove it",
    "missing": "no job needs it: remove its sidecar too",
    "changed": "no job needs it: remove it and its sidecar",
    "made from another": "make",
    "source": "restore it, or remove it from the study and run make",
    "code": "make",
    "lock": "make",
    "packages": "install the lock (envs/install.sh), then make",
    "report": "make",
    "out of date": "make",
    "altered": "make a new environment (rm -r .venv; make install), or declare the package in the "
    "study (patched)",
    "made again": "make repair",
    "another study": "name the study that made them (STUDY=FILE), give this one another folder, or "
    "run make if it was only renamed",
}


@dataclass(frozen=True)
class Fault:
    """One difference between the results and their records.

    Attributes:
        kind: class of the fault.
        path: the file, folder, code files or packages that are at fault.
        what: the problem, as a predicate whose subject is the path.
        rule: rule of the job concerned; empty if unknown.
        again: outputs that `make repair` regenerates; empty if that does not help.
    """

    kind: Kind
    path: str
    what: str
    rule: str = ""
    again: tuple[str, ...] = ()

    @property
    def remedy(self) -> str:
        """How to correct the fault, in words."""
        return "make repair" if self.again else _REMEDIES[self.kind]

    def __str__(self) -> str:
        of = f" [{self.rule}]" if self.rule else ""
        return printable(f"{self.path} {self.what}{of} → {self.remedy}")


def printable(text: str) -> str:
    """Escape unprintable characters, so that a file name cannot control the terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def counted(number: int, one: str) -> str:
    """A number with its noun, e.g. "1 job" or "2 jobs"."""
    return f"{number:,} {one}{'s' * (number != 1)}"
