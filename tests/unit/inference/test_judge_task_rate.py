"""`judge` recovers BD-rates at equal IoU, in percent."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import (
    LOSSY,
    RATES,
    Truth,
    dataset,
    judged,
)

from workflow_lib.inference.comparisons import in_percent
from workflow_lib.inference.findings import Estimate


def half_the_rate(point):
    """IoU that rises by 0.05 per octave of rate; dgml needs one octave less."""
    return 0.3 + 0.05 * (np.log2(RATES[point.rate] / 0.025) + (point.codec == "dgml"))


def task_rate(ceiling, baseline=0.2, noise=0.01):
    """BD-rate at equal IoU of curves that share IoU 0.35 to 0.55, which spans four octaves."""
    rates = {codec: [0.025, *LOSSY, 0.8] for codec in ("jpeg2000", "dgml")}
    levels = {"ceiling": ceiling, "baseline": baseline, "noise": noise}
    truth = Truth(iou=half_the_rate, between_seeds=0.001, **levels)
    found = judged({"seeds": (0, 1)}, thermal=(dataset(rates=rates), truth))
    return found.findings[0].comparisons[0].task_rate


@pytest.mark.parametrize(("ceiling", "baseline"), [(0.7, 0.2), (0.51, 0.2), (0.7, 0.4)])
def test_bd_rate_at_equal_iou_is_recovered(ceiling, baseline):
    found = task_rate(ceiling, baseline)
    assert found.value == pytest.approx(-50, abs=4)
    assert found.low < -50 < found.high < 0
    assert found.se > 0


@pytest.mark.parametrize(("ceiling", "baseline"), [(0.41, 0.2), (0.7, 0.5)])
def test_bd_rate_at_equal_iou_is_undefined_over_one_octave(ceiling, baseline):
    found = task_rate(ceiling, baseline)  # less epsilon of 0.01
    assert (found.value, found.se) == (None, None)
    assert "octaves of rate, 2 are needed" in found.reason


def test_intervals_of_bd_rates_stay_above_minus_100_percent():
    found = task_rate(0.7, noise=0.06)
    assert found.value is not None
    assert -100 < found.low < found.lower < found.value < found.upper < found.high
    # symmetric in log rate, hence not in percent
    middle = (1 + found.low / 100) * (1 + found.high / 100)
    assert middle == pytest.approx((1 + found.value / 100) ** 2)


@settings(max_examples=50, deadline=None)
@given(st.floats(-12, 12), st.floats(0, 5))
def test_percent_and_octaves_convert_into_each_other(value, half):
    octaves = Estimate(
        value=value, se=half, low=value - half, high=value + half, lower=value, upper=value
    )
    percent = in_percent(octaves)
    for name in ("value", "low", "high", "lower", "upper"):
        ratio = 1 + getattr(percent, name) / 100
        assert np.log2(ratio) == pytest.approx(getattr(octaves, name), abs=1e-6)
    step = 1e-4
    moved = in_percent(octaves.model_copy(update={"value": value + step})).value
    assert percent.se == pytest.approx(half * (moved - percent.value) / step, rel=1e-3)
