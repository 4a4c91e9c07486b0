"""Arrange findings in rows of the report's tables."""

from collections.abc import Iterable
from dataclasses import dataclass

from workflow_lib.inference.findings import Finding, PointFinding, Step, Verdict
from workflow_lib.paths import FINETUNED


@dataclass(frozen=True)
class RateSequence:
    """Tests of one codec in one regime, from the highest rate down.

    Attributes:
        codec: name of the codec.
        verdict: the resulting verdict, or None.
        rows: every rate point with its test, or None if it has no test.
    """

    codec: str
    verdict: Verdict | None
    rows: list[tuple[PointFinding, Step | None]]


@dataclass(frozen=True)
class PairRow:
    """A jointly fine-tuned codec and its control; None if one is missing."""

    codec: str
    rate: str
    joint: PointFinding | None
    control: PointFinding | None


def sequences(finding: Finding, regime: str) -> list[RateSequence]:
    """Test sequences of all codecs in one regime."""
    verdicts = {v.codec: v for v in finding.verdicts if v.regime == regime}
    codecs = dict.fromkeys(p.codec for p in finding.points if p.regime == regime)
    return [
        RateSequence(codec, verdicts.get(codec), _rows(finding, regime, verdicts.get(codec), codec))
        for codec in codecs
    ]


def _rows(
    finding: Finding, regime: str, verdict: Verdict | None, codec: str
) -> list[tuple[PointFinding, Step | None]]:
    steps = {step.rate: step for step in verdict.steps} if verdict is not None else {}
    own = [p for p in finding.points if (p.codec, p.regime) == (codec, regime)]
    falling = sorted(own, key=lambda point: -point.bpppb)
    return [(point, steps.get(point.rate)) for point in falling]


def pairs(finding: Finding) -> list[PairRow]:
    """Pair joint fine-tuning with its control, by codec and rate point."""
    joint, control = (
        {(p.codec, p.rate): p for p in finding.points if p.regime == regime} for regime in FINETUNED
    )
    places: Iterable[tuple[str, str]] = dict.fromkeys([*joint, *control])
    return [PairRow(*place, joint.get(place), control.get(place)) for place in places]
