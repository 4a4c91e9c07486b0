import bjontegaard
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import PchipInterpolator

from workflow_lib.inference.curves import (
    Curve,
    MonotoneCubic,
    bd_quality,
    bd_quality_resampled,
    bd_rate,
    bd_rate_resampled,
)

ANCHOR_RATE = np.array([0.05, 0.11, 0.2, 0.45, 0.8])
TEST_RATE = np.array([0.03, 0.1, 0.22, 0.4, 0.9])


def _curves(seed, noise, count=40):
    rng = np.random.default_rng(seed)
    shape = count, len(ANCHOR_RATE)
    anchor = 45 + 4 * np.log2(ANCHOR_RATE) + noise * rng.normal(size=shape)
    test = 46 + 3.5 * np.log2(TEST_RATE) + noise * rng.normal(size=shape)
    return anchor, test


def _one_by_one(difference, anchor, test):
    deltas = [
        difference(Curve.of(ANCHOR_RATE, a), Curve.of(TEST_RATE, t))
        for a, t in zip(anchor, test, strict=True)
    ]
    return np.array([np.nan if d.value is None else d.value for d in deltas])


@pytest.mark.parametrize("noise", [0.3, 3.0])
def test_resampled_bd_quality_agrees_with_single_curves(noise):
    anchor, test = _curves(0, noise)
    found = bd_quality_resampled(ANCHOR_RATE, anchor, TEST_RATE, test)
    assert found == pytest.approx(_one_by_one(bd_quality, anchor, test))


@pytest.mark.parametrize("noise", [0.3, 1.5, 3.0])
def test_resampled_bd_rate_agrees_with_single_curves(noise):
    anchor, test = _curves(1, noise)
    found = bd_rate_resampled(ANCHOR_RATE, anchor, TEST_RATE, test)
    expected = _one_by_one(bd_rate, anchor, test)
    assert found == pytest.approx(expected, nan_ok=True)
    assert np.isnan(expected).any() == (noise > 1)
    assert np.isfinite(expected).any()


def test_results_agree_with_the_package_bjontegaard():
    anchor, test = _curves(2, 0.3)
    rates = bd_rate_resampled(ANCHOR_RATE, anchor, TEST_RATE, test)
    gains = bd_quality_resampled(ANCHOR_RATE, anchor, TEST_RATE, test)
    for a, t, rate, gain in zip(anchor, test, rates, gains, strict=True):
        arguments = ANCHOR_RATE, a, TEST_RATE, t, "pchip"
        assert rate == pytest.approx(bjontegaard.bd_rate(*arguments, min_overlap=0))
        assert gain == pytest.approx(bjontegaard.bd_psnr(*arguments, min_overlap=0))


def test_order_duplicates_and_lossless_points_do_not_count():
    anchor, test = _curves(3, 0.3)
    more = np.append(TEST_RATE, [TEST_RATE[0], 9])[::-1]
    columns = np.column_stack([test, test[:, 0], np.full(len(test), np.inf)])[:, ::-1]
    for difference in (bd_quality_resampled, bd_rate_resampled):
        plain = difference(ANCHOR_RATE, anchor, TEST_RATE, test)
        assert (difference(ANCHOR_RATE, anchor, more, columns) == plain).all()


@pytest.mark.parametrize("difference", [bd_quality_resampled, bd_rate_resampled])
def test_only_resamples_without_a_point_are_undefined(difference):
    anchor, test = _curves(4, 0.3)
    test[3, 1] = np.nan
    test[5, 4] = np.inf
    failed = np.isnan(difference(ANCHOR_RATE, anchor, TEST_RATE, test))
    assert set(np.flatnonzero(failed)) == {3, 5}


@pytest.mark.parametrize("difference", [bd_quality_resampled, bd_rate_resampled])
@pytest.mark.parametrize(
    "rate", [TEST_RATE * 1000, [0, 0.1, 0.2, 0.3, 0.4], [0.1, 0.1, 0.2, 0.4, 0.8]]
)
def test_unusable_rates_make_every_resample_undefined(difference, rate):
    anchor, test = _curves(5, 0.3)
    if difference is bd_rate_resampled and rate is not None and np.min(rate) > 1:
        test = test + 100  # beyond the anchor's quality as well
    assert np.isnan(difference(ANCHOR_RATE, anchor, rate, test)).all()


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.floats(0.01, 5), min_size=3, max_size=7),
    st.lists(st.floats(0.01, 5), min_size=7, max_size=7),
    st.tuples(st.floats(0, 1), st.floats(0, 1)).filter(lambda b: abs(b[0] - b[1]) > 1e-3),
)
def test_monotone_cubic_agrees_with_scipy(steps, rises, places):
    x, y = np.cumsum(steps), np.cumsum(rises[: len(steps)])
    low, high = x[0] + np.sort(places) * (x[-1] - x[0])
    ours, theirs = MonotoneCubic(x[None], y[None]), PchipInterpolator(x, y)
    assert ours.at(np.array([low]))[0] == pytest.approx(theirs(low))
    mean = ours.mean(np.array([low]), np.array([high]))[0]
    assert mean == pytest.approx(theirs.integrate(low, high) / (high - low))
