"""What an audit finds wrong, and what mends it."""

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
]

_REMEDIES: Mapping[Kind, str] = {
    "sidecar": "remove it, and what it claims to be of",
    "no sidecar": "remove it, unless make repair gives it a record",
    "half-written": "remove it: what it was to become is made under its own name",
    "link": "put in its place what it points to, or remove it",
    "missing": "nothing needs it any more: remove its sidecar too",
    "changed": "nothing needs it any more: remove it and its sidecar",
    "made from another": "make",
    "source": "bring it back as it was, or run make, which makes again what follows from it",
    "code": "make",
    "lock": "make",
    "packages": "install the lock (envs/install.sh), then make",
    "report": "make",
    "out of date": "make",
}


@dataclass(frozen=True)
class Fault:
    """One thing that is not as it was recorded.

    Attributes:
        kind: what sort of fault it is.
        path: what it is about: a file, a folder, files of the code, or packages.
        what: what is wrong with it: the rest of a sentence that begins with the path.
        rule: the rule whose job is meant, empty where none is known.
        again: outputs that `make repair` makes again to mend it; empty where that would not.
    """

    kind: Kind
    path: str
    what: str
    rule: str = ""
    again: tuple[str, ...] = ()

    @property
    def remedy(self) -> str:
        """What mends it, in words."""
        return "make repair" if self.again else _REMEDIES[self.kind]

    def __str__(self) -> str:
        of = f" [{self.rule}]" if self.rule else ""
        return f"{printable(self.path)} {printable(self.what)}{of} → {self.remedy}"


def printable(text: str) -> str:
    """Text with escapes in place of what would steer a terminal: names can hold anything."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def counted(number: int, one: str) -> str:
    """How many there are of something whose plural ends in s."""
    return f"{number:,} {one}{'s' * (number != 1)}"
