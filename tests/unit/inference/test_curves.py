import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.interpolate import PchipInterpolator

from workflow_lib.inference.curves import Curve, bd_quality, bd_rate

RATES = np.array([0.05, 0.1, 0.2, 0.4])
PSNR = np.array([40.0, 43.0, 47.0, 49.0])
ANCHOR = Curve.of(RATES, PSNR)


def test_bd_psnr_of_a_curve_that_is_two_decibels_higher():
    assert bd_quality(ANCHOR, Curve.of(RATES, PSNR + 2)).value == pytest.approx(2)


def test_bd_rate_of_a_curve_that_needs_half_the_rate():
    wide = np.array([0.05, 0.1, 0.2, 0.4, 0.8])
    psnr = np.array([40.0, 43.0, 47.0, 49.0, 51.0])
    found = bd_rate(Curve.of(wide, psnr), Curve.of(wide / 2, psnr))
    assert found.value == pytest.approx(-50)


@pytest.mark.parametrize(
    ("anchor", "test", "percent", "decibels"),
    [
        # measured with libx265; the example of the package bjontegaard 1.3
        (
            ([9487.76, 4593.60, 2486.44, 1358.24], [40.037, 38.615, 36.845, 34.851]),
            ([9787.80, 4469.00, 2451.52, 1356.24], [40.121, 38.651, 36.970, 34.987]),
            -4.4175,
            0.1197,
        ),
        # the example of many implementations of VCEG-M33
        (
            ([686.76, 309.58, 157.11, 85.95], [40.28, 37.18, 34.24, 31.42]),
            ([893.34, 407.80, 204.93, 112.75], [40.39, 37.21, 34.17, 31.24]),
            31.3799,
            -1.1835,
        ),
    ],
)
def test_published_examples(anchor, test, percent, decibels):
    a, b = Curve.of(*anchor), Curve.of(*test)
    assert bd_rate(a, b).value == pytest.approx(percent, abs=1e-4)
    assert bd_quality(a, b).value == pytest.approx(decibels, abs=1e-4)
    # cross-check by quadrature of scipy's interpolation
    low, high = max(a.rate[0], b.rate[0]), min(a.rate[-1], b.rate[-1])
    octaves = np.log2([low, high])
    means = [
        quad(PchipInterpolator(np.log2(c.rate), c.quality), *octaves)[0] / np.ptp(octaves)
        for c in (a, b)
    ]
    assert means[1] - means[0] == pytest.approx(decibels, abs=1e-4)


def test_bd_psnr_covers_the_common_rates_only():
    test = Curve.of(RATES * 1.5, [0.5, 0.3, 0.6, 0.7])  # IoU need not rise
    anchor = Curve.of(RATES, [0.4, 0.5, 0.55, 0.6])
    low, high = np.log10([0.075, 0.4])
    # octaves of overlap: log2(0.4 / 0.075) = 2.4
    means = [
        quad(PchipInterpolator(np.log10(c.rate), c.quality), low, high)[0] / (high - low)
        for c in (anchor, test)
    ]
    assert bd_quality(anchor, test).value == pytest.approx(means[1] - means[0], rel=1e-6)


def test_order_duplicates_and_lossless_points_do_not_count():
    shuffled = Curve.of([0.4, 0.05, 0.1, 0.2, 0.05, 9.0], [51, 42, 45, 49, 42, np.inf])
    assert bd_quality(ANCHOR, shuffled).value == pytest.approx(2)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0.5, 3), min_size=4, max_size=6), st.floats(-5, 5))
def test_swapping_curves_changes_the_sign(steps, lift):
    rate = 0.05 * 2.0 ** np.arange(len(steps))
    a = Curve.of(rate, 40 + np.cumsum(steps))
    b = Curve.of(rate, 40 + lift + np.cumsum(steps[::-1]))
    assert bd_quality(a, b).value == pytest.approx(-bd_quality(b, a).value, abs=1e-9)


@pytest.mark.parametrize(
    ("rate", "quality", "reason"),
    [
        (RATES[:3], PSNR[:3], "3 lossy points"),
        ([0.05, 0.1, 0.2, 9], [40, 43, 47, np.inf], "3 lossy points"),
        (RATES * 100, PSNR, "do not overlap"),
        (RATES * 4, PSNR, "1.00 octaves"),
        ([0.05, 0.05, 0.2, 0.4], PSNR, "two qualities at one rate"),
        ([0, 0.1, 0.2, 0.4], PSNR, "rate of 0"),
    ],
)
def test_undefined_differences_have_a_reason(rate, quality, reason):
    found = bd_quality(ANCHOR, Curve.of(rate, quality))
    assert found.value is None
    assert reason in found.reason


def test_bd_rate_is_undefined_where_quality_falls():
    found = bd_rate(ANCHOR, Curve.of(RATES, [40, 44, 43, 49]))
    assert found.value is None
    assert "does not rise" in found.reason


def test_bd_rate_is_undefined_with_too_little_common_quality():
    found = bd_rate(ANCHOR, Curve.of(RATES, PSNR + 8.9))
    assert found.value is None
    assert "octaves" in found.reason
    assert bd_rate(ANCHOR, Curve.of(RATES, PSNR + 20)).reason == "the curves do not overlap"
