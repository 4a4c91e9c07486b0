import numpy as np
import pytest

from workflow_lib.inference.bootstrap import block_weights
from workflow_lib.inference.findings import Estimate, Step
from workflow_lib.inference.replicates import replicates
from workflow_lib.inference.verdict import blocks_needed, fixed_sequence

EPSILON = 0.01
DRAWS = 1000
SIMULATION_ERROR = 2 * np.sqrt(0.05 * 0.95 / DRAWS)
"""Twice the standard error of a share of 5 % over DRAWS draws."""


def planted_change(rng, change, blocks, seeds, between):
    """Estimate of a change of IoU from simulated counts whose true change is `change`.

    All blocks hold equally many positives and no false positives, so IoU = Σtp / Σpositives.
    """
    common = rng.normal(0, 0.08, blocks)
    trained = rng.normal(0, between, (2, seeds, 1))
    own = rng.normal(0, 0.02, (2, seeds, blocks)) + rng.normal(0, 0.02, (2, 1, blocks))
    share = 0.6 + common + own + trained + np.array([0, change])[:, None, None]
    weights = block_weights(np.ones(blocks, bool), 200, int(rng.integers(2**31)))
    ceiling, coded = (
        replicates(
            np.stack([of, 1 - of]), weights, seeds, lambda counts: counts[0] / counts.sum(axis=0)
        )
        for of in share
    )
    return (coded - ceiling).estimate(blocks - 1)


def step(change, rate="0.1"):
    return Step(rate=rate, bpppb=0.1, change=change, passed=None)


@pytest.mark.parametrize(("blocks", "seeds", "between"), [(6, 1, 0), (30, 5, 0.01)])
def test_a_loss_of_epsilon_passes_in_at_most_5_percent(blocks, seeds, between):
    rng = np.random.default_rng(0)
    passed = 0
    for _ in range(DRAWS):
        lossless = step(Estimate(value=0, se=0, low=0, high=0, lower=0, upper=0), "lossless")
        changes = [planted_change(rng, -EPSILON, blocks, seeds, between) for _ in range(2)]
        steps = [lossless, *(step(change) for change in changes)]
        tested = fixed_sequence(steps, EPSILON, blocks)
        passed += any(found.passed for found in tested[1:])
    assert 0.02 < passed / DRAWS <= 0.05 + SIMULATION_ERROR


def test_an_unchanged_iou_passes_with_many_blocks():
    rng = np.random.default_rng(1)
    passed = [
        fixed_sequence([step(planted_change(rng, 0, 200, 1, 0))], EPSILON, 200)[0].passed
        for _ in range(50)
    ]
    assert np.mean(passed) > 0.9


def test_a_better_map_passes():
    gain = Estimate(value=0.05, se=0.01, df=9, low=0.03, high=0.07, lower=0.03, upper=0.07)
    assert fixed_sequence([step(gain)], EPSILON, 10)[0].passed


def test_no_rate_is_tested_after_a_failure():
    good = Estimate(value=0, se=0.001, df=9, low=-0.002, high=0.002, lower=-0.002, upper=0.002)
    bad = Estimate(value=-0.004, se=0.01, df=9, low=-0.03, high=0.02, lower=-0.02, upper=0.01)
    tested = fixed_sequence([step(c) for c in (good, bad, good)], EPSILON, 10)
    assert [found.passed for found in tested] == [True, False, None]
    assert [found.blocks_needed for found in tested] == [
        None,
        pytest.approx(10 * (1.645 * 0.01 / (0.01 - 0.004)) ** 2),
        None,
    ]


def test_the_estimated_number_of_blocks_passes():
    rng = np.random.default_rng(2)
    small = planted_change(rng, 0, 12, 1, 0)
    assert not fixed_sequence([step(small)], EPSILON, 12)[0].passed
    needed = blocks_needed(small, EPSILON, 12)
    se = small.se * np.sqrt(12 / needed)
    assert abs(small.value) + 1.645 * se == pytest.approx(EPSILON)


@pytest.mark.parametrize(
    "change",
    [
        Estimate(value=-0.01, se=0.001, df=9, low=-0.02, high=0, lower=-0.02, upper=0),
        Estimate(value=0.03, se=0.1, df=9, low=-0.2, high=0.2, lower=-0.2, upper=0.2),
        Estimate(value=0.0, reason="a single block"),
        Estimate(reason="undefined"),
    ],
)
def test_no_number_of_blocks_suffices_for_a_large_or_unknown_loss(change):
    (tested,) = fixed_sequence([step(change)], EPSILON, 10)
    assert (tested.passed, tested.blocks_needed) == (False, None)
