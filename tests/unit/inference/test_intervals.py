from itertools import combinations
from unittest.mock import Mock, patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from workflow_lib.inference.intervals import estimate, holm, p_above, p_below

ONE_SEED = np.array([0.5])


def _with_variance(variance, count=1000):
    """Draw random numbers with exactly this sample variance."""
    draws = np.random.default_rng(0).normal(size=count)
    return (draws - draws.mean()) / draws.std(ddof=1) * variance**0.5


@pytest.fixture
def welch():
    """Return an estimate, and Welch's test of two samples with its two variances."""
    rng = np.random.default_rng(4)
    blocks, seeds = rng.normal(0.6, 0.2, 12), rng.normal(0.1, 0.05, 5)
    figure = estimate(
        blocks.mean() - seeds.mean(),
        _with_variance(blocks.var(ddof=1) / len(blocks)),
        seeds,
        len(blocks) - 1,
    )
    return figure, lambda side: stats.ttest_ind(blocks, seeds, equal_var=False, alternative=side)


def test_degrees_of_freedom_and_interval_agree_with_welch(welch):
    figure, test = welch
    interval = test("two-sided").confidence_interval(0.95)
    assert figure.df == pytest.approx(test("two-sided").df)
    assert (figure.low, figure.high) == pytest.approx((interval.low, interval.high))
    assert figure.lower == pytest.approx(test("greater").confidence_interval(0.95).low)
    assert figure.upper == pytest.approx(test("less").confidence_interval(0.95).high)


def test_degrees_of_freedom_agree_with_statsmodels():
    rng = np.random.default_rng(8)
    blocks, seeds = rng.normal(size=9), rng.normal(size=4)
    variance = blocks.var(ddof=1) / len(blocks)
    figure = estimate(0.0, _with_variance(variance), seeds, len(blocks) - 1)
    oracle = CompareMeans(DescrStatsW(blocks), DescrStatsW(seeds))
    assert figure.df == pytest.approx(oracle.dof_satt())
    assert figure.se == pytest.approx(oracle.std_meandiff_separatevar)


@patch("gc.collect", Mock())  # multipletests calls it each time
@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_agrees_with_statsmodels(p):
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])


def test_p_values_agree_with_welch(welch):
    figure, test = welch
    assert p_above(figure, 0) == pytest.approx(test("greater").pvalue)
    assert p_below(figure, 0) == pytest.approx(test("less").pvalue)


@settings(max_examples=50, deadline=None)
@given(st.floats(-1, 1), st.floats(1e-4, 1), st.integers(1, 60), st.floats(-1, 1))
def test_a_bound_excludes_a_threshold_if_and_only_if_p_is_below_five_percent(
    value, var, df, threshold
):
    figure = estimate(value, _with_variance(var, 50), ONE_SEED, df)
    if min(abs(figure.lower - threshold), abs(figure.upper - threshold)) > 1e-9:
        assert (figure.lower > threshold) == (p_above(figure, threshold) < 0.05)
        assert (figure.upper < threshold) == (p_below(figure, threshold) < 0.05)


def test_one_seed_gives_the_variance_of_blocks_only():
    figure = estimate(0.5, _with_variance(0.04), ONE_SEED, 7)
    assert (figure.se, figure.df) == pytest.approx((0.2, 7))


def test_without_variance_all_bounds_equal_the_figure():
    figure = estimate(0.0, np.zeros(100), np.zeros(3), 9)
    assert (figure.se, figure.low, figure.high, figure.lower, figure.upper) == (0, 0, 0, 0, 0)
    assert (p_above(figure, -0.01), p_above(figure, 0.0), p_below(figure, 0.01)) == (0, 1, 0)


@pytest.mark.parametrize(
    ("value", "missing", "seeds", "df", "reason"),
    [
        (np.nan, 0, [0.4, 0.5], 9, "on the scored blocks"),
        (np.inf, 0, [0.4, 0.5], 9, "on the scored blocks"),
        (0.5, 60, [0.4, 0.5], 9, "in 6% of the resamples"),
        (0.5, 0, [0.4, np.nan, np.nan], 9, "for 2 of 3 seeds"),
        (0.5, 0, [0.4, np.nan, 0.6], 9, "for 1 of 3 seeds"),
        (0.5, 0, [0.4, np.inf], 0, "for 1 of 2 seeds"),
    ],
)
def test_undefined_estimates_have_a_reason(value, missing, seeds, df, reason):
    draws = _with_variance(0.01)
    draws[:missing] = np.nan
    figure = estimate(value, draws, np.array(seeds), df)
    assert (figure.value, figure.se, p_above(figure, 0)) == (None, None, None)
    assert reason in figure.reason


def test_a_few_undefined_resamples_are_left_out():
    draws = np.append(_with_variance(0.01), [np.nan] * 50)
    figure = estimate(0.5, draws, np.array([0.4, 0.6]), 9)
    assert figure.se == pytest.approx((0.01 + 0.02 / 2) ** 0.5)


def test_too_few_blocks_give_a_value_without_error():
    figure = estimate(0.5, np.full(10, 0.5), np.array([0.4, 0.6]), 0)
    assert (figure.value, figure.se, figure.low) == (0.5, None, None)
    assert "blocks" in figure.reason
    assert p_above(figure, 0) is p_below(figure, 0) is None


def test_holm_by_hand():
    # 4 · 0.005, 3 · 0.01, 2 · 0.03; then 0.04 is raised to the adjusted p-value before it
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_is_the_closure_of_bonferroni(p):
    # closed testing: reject a hypothesis if Bonferroni rejects every set that contains it
    families = [f for n in range(1, len(p) + 1) for f in combinations(range(len(p)), n)]
    bonferroni = {f: min(1, len(f) * min(p[i] for i in f)) for f in families}
    closed = [max(bonferroni[f] for f in families if i in f) for i in range(len(p))]
    assert holm(p) == pytest.approx(closed)
