"""Confidence intervals, p-values and Holm's correction.

The variance of a figure has two parts: the variance of its block bootstrap, and the variance
between training seeds divided by their number. Degrees of freedom follow F. E. Satterthwaite,
"An approximate distribution of estimates of variance components", Biometrics Bulletin 2:110–114,
1946.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from workflow_lib.inference.findings import Estimate

MAX_FAILED = 0.05
"""Largest share of resamples in which a figure may be undefined."""

Floats = NDArray[np.float64]


def estimate(value: float, resampled: Floats, by_seed: Floats, blocks_df: int) -> Estimate:
    """Estimate the 95 % interval and one-sided 95 % bounds of a figure.

    Args:
        value: the figure over all blocks and seeds; nan or infinite if it is undefined.
        resampled: the figure in each resample of blocks, float64 [resample]; nan if undefined.
        by_seed: the figure of each training seed, float64 [seed]; nan if undefined. With one
            seed, the interval is conditional on that training.
        blocks_df: degrees of freedom between blocks, see `bootstrap.block_df` and `image_df`.

    Returns:
        An estimate, undefined with a reason in three cases: `value` is undefined, one of several
        seeds is undefined, or over 5 % of the resamples are undefined. With `blocks_df` below 1
        the estimate has a value but no uncertainty. Without any variance every bound equals the
        value, and there are no degrees of freedom.
    """
    if not np.isfinite(value):
        return Estimate(reason="it is undefined on the scored blocks")
    value = float(value)
    lacking = int((~np.isfinite(by_seed)).sum())
    if lacking and len(by_seed) > 1:
        return Estimate(reason=f"it is undefined for {lacking} of {len(by_seed)} seeds")
    if blocks_df < 1:
        return Estimate(
            value=value, reason="fewer than two blocks hold positives, so its error is unknown"
        )
    draws = resampled[np.isfinite(resampled)]
    failed = 1 - len(draws) / max(len(resampled), 1)
    if failed > MAX_FAILED or len(draws) < 2:
        return Estimate(reason=f"it is undefined in {failed:.0%} of the resamples")
    terms = [(float(draws.var(ddof=1)), blocks_df)]
    if len(by_seed) > 1:
        terms.append((float(by_seed.var(ddof=1)) / len(by_seed), len(by_seed) - 1))
    return _bounded(value, terms)


def p_above(figure: Estimate, threshold: float) -> float | None:
    """One-sided p-value of H0 "at most `threshold`": small if the figure is above it.

    None if the figure has no standard error.
    """
    return _p(figure, threshold, 1)


def p_below(figure: Estimate, threshold: float) -> float | None:
    """One-sided p-value of H0 "at least `threshold`": small if the figure is below it.

    None if the figure has no standard error.
    """
    return _p(figure, threshold, -1)


def holm(p: Sequence[float]) -> list[float]:
    """Adjust the p-values of a family by Holm's method, in their order.

    Rejecting hypotheses with adjusted p ≤ α keeps the family-wise error at α.

    S. Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Stat. 6:65–70,
    1979.
    """
    order = np.argsort(p)
    scaled = np.asarray(p, np.float64)[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1)
    return [float(each) for each in adjusted]


def _bounded(value: float, terms: list[tuple[float, int]]) -> Estimate:
    """Estimate with bounds from the parts of the variance, given with degrees of freedom."""
    variance = sum(part for part, _ in terms)
    se = float(np.sqrt(variance))
    if se == 0:
        return Estimate(value=value, se=0, low=value, high=value, lower=value, upper=value)
    df = float(1 / sum((part / variance) ** 2 / freedom for part, freedom in terms))
    two_sided, one_sided = (float(stdtrit(df, level)) * se for level in (0.975, 0.95))
    return Estimate(
        value=value,
        se=se,
        df=df,
        low=value - two_sided,
        high=value + two_sided,
        lower=value - one_sided,
        upper=value + one_sided,
    )


def _p(figure: Estimate, threshold: float, sign: int) -> float | None:
    if figure.value is None or figure.se is None:
        return None
    excess = sign * (figure.value - threshold)
    if figure.df is None:
        return 0.0 if excess > 0 else 1.0
    return float(stdtr(figure.df, -excess / figure.se))
