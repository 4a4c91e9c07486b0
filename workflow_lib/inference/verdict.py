"""How far a codec may go: the cheapest rate whose maps are as good as those of originals."""

from collections.abc import Sequence

from workflow_lib.inference.dataset_results import DatasetResults
from workflow_lib.inference.findings import Estimate, Step, Verdict

_Z = 1.645
"""Standard normal quantile of 95 %."""


def verdict(
    results: DatasetResults, codec: str, regime: str, epsilon: float, testable: bool
) -> Verdict:
    """The verdict on one codec from its maps in one regime.

    Args:
        results: of one dataset and segmenter.
        codec: its name.
        regime: "frozen" or "retrained".
        epsilon: IoU that a map may lose.
        testable: whether the maps of originals are better than the threshold baseline.
    """
    steps = [
        Step(
            rate=point.rate,
            bpppb=results.rate(point),
            change=results.change(point),
            passed=None,
        )
        for point in reversed(results.points(codec, regime))
    ]
    if not testable:
        return Verdict(codec=codec, regime=regime, status="not testable", steps=tuple(steps))
    tested = fixed_sequence(steps, epsilon, len(results.positive))
    passed = [step for step in tested if step.passed]
    if not passed:
        return Verdict(codec=codec, regime=regime, status="inconclusive", steps=tested)
    last = passed[-1]
    return Verdict(
        codec=codec,
        regime=regime,
        status="within",
        rate=last.rate,
        bpppb=last.bpppb,
        steps=tested,
    )


def fixed_sequence(steps: Sequence[Step], epsilon: float, blocks: int) -> tuple[Step, ...]:
    """Test one rate after the other at one-sided 5 % each, and stop at the first failure.

    H0 of a step: IoU − IoU on originals ≤ −ε. A sequence that is fixed beforehand and stops at the
    first failure needs no further correction (Maurer, Hothorn & Lehmacher 1995).

    Args:
        steps: from the highest rate down, untested.
        epsilon: IoU that a map may lose.
        blocks: that the changes rest on.
    """
    tested = []
    going = True
    for step in steps:
        if going:
            going = _within(step.change, epsilon)
            needed = None if going else blocks_needed(step.change, epsilon, blocks)
            step = step.model_copy(update={"passed": going, "blocks_needed": needed})
        tested.append(step)
    return tuple(tested)


def blocks_needed(change: Estimate, epsilon: float, blocks: int) -> float | None:
    """Blocks that would show a loss below ε, were it as large as it seems.

    n·[1.645·se/(ε − |Δ|)]²; None, infinitely many, where |Δ| ≥ ε or no standard error is known.
    """
    if change.value is None or change.se is None or abs(change.value) >= epsilon:
        return None
    return blocks * (_Z * change.se / (epsilon - abs(change.value))) ** 2


def _within(change: Estimate, epsilon: float) -> bool:
    return change.lower is not None and change.lower > -epsilon
