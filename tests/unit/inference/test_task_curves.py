import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import isotonic_regression

from workflow_lib.inference.task_curves import isotonic, task_bd_rate, task_bd_rate_resampled

RATE = 0.05 * 2.0 ** np.arange(6)
IOU = np.array([0.3, 0.38, 0.45, 0.5, 0.53, 0.55])


@settings(max_examples=100, deadline=None)
@given(arrays(np.float64, (3, 6), elements=st.floats(0, 1)))
def test_isotonic_rows_agree_with_scipy(iou):
    assert isotonic(iou) == pytest.approx(np.stack([isotonic_regression(y).x for y in iou]))


@pytest.mark.parametrize(("factor", "percent"), [(0.5, -50), (2, 100)])
def test_shifted_rates_give_the_shift_in_percent(factor, percent):
    found = task_bd_rate(RATE, IOU, RATE * factor, IOU, 0.0, 1.0)
    assert found.value == pytest.approx(percent)


def test_mean_over_a_known_area():
    # over IoU q from 0 to 0.5 the anchor needs 2^(8q) and the test 2^(12q): one octave on average
    rate = 2.0 ** np.arange(0, 7)
    anchor, test = np.arange(7) / 8, np.arange(7) / 12
    assert task_bd_rate(rate, anchor, rate, test, 0, 1).value == pytest.approx(100)


def test_a_flat_part_counts_at_its_lowest_rate():
    # both curves agree up to IoU 0.2, where the test curve is flat for two octaves
    rate = 2.0 ** np.arange(7)
    anchor = np.array([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    test = np.array([0, 0.1, 0.2, 0.2, 0.2, 0.3, 0.4])
    # two octaves more over half of the common range 0 to 0.4
    assert task_bd_rate(rate, anchor, rate, test, 0, 1).value == pytest.approx(100)


def test_isotonic_fit_removes_noise():
    noisy, pooled = IOU.copy(), IOU.copy()
    noisy[[2, 3]] = 0.48, 0.44
    pooled[[2, 3]] = 0.46
    found = task_bd_rate(RATE, IOU, RATE, noisy, 0, 1)
    assert found.value == pytest.approx(task_bd_rate(RATE, IOU, RATE, pooled, 0, 1).value)
    assert found.value != pytest.approx(0, abs=1)


def test_iou_outside_the_bounds_does_not_count():
    other = IOU.copy()
    other[0], other[-1] = 0.01, 0.99
    wide = RATE * 1.3
    plain = task_bd_rate(wide, IOU + 0.02, RATE, IOU, 0.38, 0.53)
    found = task_bd_rate(wide, IOU + 0.02, RATE, other, 0.38, 0.53)
    assert found.value == pytest.approx(plain.value)
    assert task_bd_rate(wide, IOU + 0.02, RATE, other, 0.30, 0.53).value != plain.value


@pytest.mark.parametrize(
    ("test", "baseline", "top", "reason"),
    [
        (IOU, 0.46, 0.515, "1.30 octaves"),  # 0.04 of 0.05 and 0.015 of 0.03
        (IOU, 0.6, 0.9, "do not overlap"),
        (IOU, 0.4, 0.3, "do not overlap"),
        (IOU + 0.5, 0.0, 1.0, "do not overlap"),
        (IOU[::-1], 0.0, 1.0, "do not overlap"),
        (np.array([np.nan] * 3 + [0.4, 0.5, 0.6]), 0.0, 1.0, "3 lossy points"),
    ],
)
def test_too_little_overlap_is_undefined(test, baseline, top, reason):
    found = task_bd_rate(RATE, IOU, RATE, test, baseline, top)
    assert found.value is None
    assert reason in found.reason


def test_resampled_rates_agree_with_single_curves():
    rng = np.random.default_rng(0)
    anchor, test = IOU + 0.03 * rng.normal(size=(2, 200, 6))
    baseline, top = 0.3 + 0.05 * rng.normal(size=200), 0.54 + 0.05 * rng.normal(size=200)
    anchor[7, 2] = np.nan
    found = task_bd_rate_resampled(RATE, anchor, RATE * 1.2, test, baseline, top)
    one_by_one = [
        task_bd_rate(RATE, a, RATE * 1.2, t, low, high).value
        for a, t, low, high in zip(anchor, test, baseline, top, strict=True)
    ]
    one_by_one[7] = None  # this resample lacks a point that the others have
    assert found == pytest.approx(np.array(one_by_one, np.float64), nan_ok=True)
    assert 0 < np.isnan(found).sum() < 200
