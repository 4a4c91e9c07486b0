"""Find the lowest rate of a codec whose maps are as good as maps of originals."""

from collections.abc import Sequence

from workflow_lib.inference.dataset_results import DatasetResults
from workflow_lib.inference.findings import Estimate, Step, Verdict

_Z = 1.645
"""Standard normal quantile of 95 %."""


def verdict(
    results: DatasetResults, codec: str, regime: str, epsilon: float, testable: bool
) -> Verdict:
    """Judge one codec by its maps in one regime.

    Args:
        results: results of one dataset and segmenter.
        codec: name of the codec.
        regime: "frozen" or "retrained".
        epsilon: the IoU that a map may lose.
        testable: whether maps of originals are better than the threshold baseline.
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
    """Test rates one by one at the one-sided 5 % level; stop at the first failure.

    H0 of a step: IoU − IoU on originals ≤ −ε. A sequence that is fixed in advance and stops at the
    first failure needs no further correction (Maurer, Hothorn & Lehmacher 1995).

    Args:
        steps: untested steps, from the highest rate down.
        epsilon: the IoU that a map may lose.
        blocks: number of scored blocks.
    """
    tested = []
    passed = True
    for step in steps:
        if passed:
            passed = _within(step.change, epsilon)
            needed = None if passed else blocks_needed(step.change, epsilon, blocks)
            step = step.model_copy(update={"passed": passed, "blocks_needed": needed})
        tested.append(step)
    return tuple(tested)


def blocks_needed(change: Estimate, epsilon: float, blocks: int) -> float | None:
    """Estimate how many blocks a test needs to pass if the true change is the observed Δ.

    The formula is n·[1.645·se/(ε − |Δ|)]². None if |Δ| ≥ ε or the standard error is unknown.
    """
    if change.value is None or change.se is None or abs(change.value) >= epsilon:
        return None
    return blocks * (_Z * change.se / (epsilon - abs(change.value))) ** 2


def _within(change: Estimate, epsilon: float) -> bool:
    return change.lower is not None and change.lower > -epsilon
