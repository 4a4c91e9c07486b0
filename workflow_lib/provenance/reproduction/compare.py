"""Compare two runs of one study in three tiers: exact, within tolerances, statistical."""

import math
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from workflow_lib.inference.findings import read_findings
from workflow_lib.paths import Paths
from workflow_lib.provenance.reproduction.differences import Difference
from workflow_lib.provenance.reproduction.finished import Finished
from workflow_lib.provenance.reproduction.kinds import KINDS, Kind, Tier, kind_of
from workflow_lib.provenance.reproduction.platform_match import (
    INSTRUCTIONS,
    PlatformMatch,
    platform_differences,
    platform_match,
)

_NAMED = 5


@dataclass(frozen=True)
class Row:
    """The comparison of one kind of artifact.

    Attributes:
        tier, kind: see `kinds`.
        artifacts: number of artifacts that both runs have.
        equal: number of these that are equal.
        largest: the largest difference, in `unit`; None if the kind has no unit.
        unit: unit of `largest`.
        required: whether the tier must hold for this platform match.
        outside: artifacts outside the bounds, each with its difference.
    """

    tier: Tier
    kind: str
    artifacts: int
    equal: int
    largest: float | None
    unit: str
    required: bool
    outside: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether the tier holds."""
        return not self.outside


@dataclass(frozen=True)
class RunComparison:
    """The comparison of two runs.

    Attributes:
        platform_match: how similar their machines are.
        platform_differences: the traits in which the machines differ.
        conditional: whether one seed was used, so that intervals hold for one training only.
        rows: by kind of artifact.
        only_first, only_second: names of artifacts that only one run has.
        missing: names of recorded artifacts that neither run has any more.
    """

    platform_match: PlatformMatch
    platform_differences: tuple[str, ...]
    conditional: bool
    rows: tuple[Row, ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def reproduced(self) -> bool:
        """Whether both runs have all artifacts and every required tier holds."""
        complete = not (self.only_first or self.only_second or self.missing)
        return complete and all(row.holds for row in self.rows if row.required)


def compare(first: Path, second: Path) -> RunComparison:
    """Compare two results folders, using the intervals of the first.

    Raises:
        DownlinkError: a folder has no sidecars, or a file in it cannot be read.
    """
    one, other = Finished.read(first), Finished.read(second)
    found: dict[Kind, dict[str, Difference]] = defaultdict(dict)
    for name in sorted(one.artifacts.keys() & other.artifacts.keys()):
        kind = kind_of(name)
        found[kind][name] = kind.measure(one.artifacts[name], other.artifacts[name])
    jobs = one.sidecars.values(), other.sidecars.values()
    alike = platform_match(*jobs)
    return RunComparison(
        platform_match=alike,
        platform_differences=platform_differences(*jobs),
        conditional=_conditional(one),
        rows=tuple(_row(kind, found[kind], alike) for kind in KINDS if kind in found),
        only_first=tuple(sorted(one.artifacts.keys() - other.artifacts.keys())),
        only_second=tuple(sorted(other.artifacts.keys() - one.artifacts.keys())),
        missing=tuple(
            sorted({*one.named, *other.named} - one.artifacts.keys() - other.artifacts.keys())
        ),
    )


def _conditional(finished: Finished) -> bool:
    name = Paths("").findings().removeprefix("/")
    return name in finished.artifacts and read_findings(finished.artifacts[name]).conditional


def _row(kind: Kind, found: dict[str, Difference], alike: PlatformMatch) -> Row:
    sizes = [each.largest for each in found.values() if each.largest is not None]
    return Row(
        tier=kind.tier,
        kind=kind.name,
        artifacts=len(found),
        equal=sum(each.equal for each in found.values()),
        largest=max(sizes, default=None) if kind.unit else None,
        unit=kind.unit,
        required=alike >= kind.needs,
        outside=tuple(f"{n}: {what}" for n, each in found.items() for what in each.outside),
    )


def described(comparison: RunComparison) -> str:
    """Format the comparison for a terminal and list the artifacts outside the bounds."""
    table = pd.DataFrame(
        {
            "tier": [str(row.tier) for row in comparison.rows],
            "kind": [row.kind for row in comparison.rows],
            "artifacts": [row.artifacts for row in comparison.rows],
            "equal": [row.equal for row in comparison.rows],
            "largest difference": [_size(row) for row in comparison.rows],
            "required": ["yes" if row.required else "no" for row in comparison.rows],
            "holds": ["yes" if row.holds else "NO" for row in comparison.rows],
        }
    )
    lines = [table.to_markdown(index=False, tablefmt="simple"), ""]
    apart = "; ".join(comparison.platform_differences)
    differing = any(row.equal < row.artifacts for row in comparison.rows)
    lines.append(f"Machines: {comparison.platform_match}{f' ({apart})' if apart else ''}.")
    if differing and INSTRUCTIONS in apart:
        lines.append(
            "The likely cause of differences: the jobs computed with other instruction sets."
        )
    if comparison.conditional:
        lines.append(
            "One seed: intervals are conditional on one training. Trained on another machine, a "
            "study may leave them; give it seeds."
        )
    lines += _named("Only in the first", comparison.only_first)
    lines += _named("Only in the second", comparison.only_second)
    lines += _named("Missing in both", comparison.missing)
    for row in comparison.rows:
        word = "differ" if row.required else "differ, which is no failure on such machines"
        lines += _named(f"{row.kind} {word}", row.outside)
    lines.append("Reproduced." if comparison.reproduced else "NOT reproduced.")
    return "\n".join(lines)


def _size(row: Row) -> str:
    if row.largest is None:
        return ""
    return f"{'∞' if math.isinf(row.largest) else f'{row.largest:.2g}'} {row.unit}"


def _named(heading: str, names: tuple[str, ...]) -> list[str]:
    if not names:
        return []
    more = [f"  … and {len(names) - _NAMED} more"] if len(names) > _NAMED else []
    return [f"{heading}:", *(f"  {name}" for name in names[:_NAMED]), *more]
