"""Compare two codecs over their common rates: BD-PSNR, BD-rate, BD-IoU, with intervals."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from workflow_lib.inference.curves import (
    Curve,
    Delta,
    bd_quality,
    bd_quality_resampled,
    bd_rate,
    bd_rate_resampled,
)
from workflow_lib.inference.dataset_results import DatasetResults
from workflow_lib.inference.findings import CodecComparison, Estimate
from workflow_lib.inference.intervals import estimate
from workflow_lib.inference.points import BASELINE, ORIGINAL, RatePoint
from workflow_lib.inference.replicates import Floats, Replicates
from workflow_lib.inference.task_curves import task_bd_rate, task_bd_rate_resampled


@dataclass(frozen=True)
class RateCurve:
    """Quality of a codec over its actual rate, with all resamples and seeds.

    Points are sorted by rate. Lossless points are left out.

    Attributes:
        rate: actual rate in bpppb, averaged over seeds, float64 [point].
        value: PSNR in dB or IoU, float64 [point].
        resampled: value in every resample of the blocks, float64 [resample, point].
        rate_by_seed, by_seed: rate and value of every seed, float64 [seed, point].
    """

    rate: Floats
    value: Floats
    resampled: Floats
    rate_by_seed: Floats
    by_seed: Floats

    @classmethod
    def of(
        cls,
        points: Sequence[RatePoint],
        quality: Mapping[RatePoint, Replicates],
        bpppb: Mapping[RatePoint, Floats],
    ) -> Self:
        """Build the curve from lossy points, without duplicates of rate and quality."""
        rates = np.array([bpppb[point.coded].mean() for point in points])
        values = np.array([quality[point].value for point in points])
        _, kept = np.unique(np.stack([rates, values], axis=1), axis=0, return_index=True)
        chosen = [points[index] for index in kept]
        return cls(
            rate=rates[kept],
            value=values[kept],
            resampled=np.stack([quality[point].resampled for point in chosen], axis=1),
            rate_by_seed=np.stack([bpppb[point.coded] for point in chosen], axis=1),
            by_seed=np.stack([quality[point].by_seed for point in chosen], axis=1),
        )

    @property
    def curve(self) -> Curve:
        """The curve over all seeds."""
        return Curve.of(self.rate, self.value)

    def curve_of_seed(self, seed: int) -> Curve:
        """The curve of one seed, given by its index."""
        return Curve.of(self.rate_by_seed[seed], self.by_seed[seed])


_RateCurves = tuple[RateCurve, RateCurve] | Estimate
_OfCurves = Callable[[Curve, Curve, int | None], Delta]
"""Takes the anchor's curve, the codec's curve, and the index of a seed or None for all seeds."""
_OfResamples = Callable[[Floats, Floats, Floats, Floats], Floats]
"""Takes the anchor's rates and qualities, then the codec's; see `curves.bd_quality_resampled`."""


def compare(
    results: DatasetResults, anchor: str, codec: str, regime: str, epsilon: float
) -> CodecComparison:
    """Estimate all differences codec − anchor, with maps of one regime.

    Args:
        results: results of one dataset and segmenter.
        anchor, codec: names of codecs.
        regime: "frozen" or "retrained".
        epsilon: BD-rates at equal IoU use IoU up to the ceiling minus `epsilon`.
    """
    return CodecComparison(
        codec=codec,
        anchor=anchor,
        regime=regime,
        psnr=bd_psnr(results, anchor, codec),
        rate=_bd_rate(results, anchor, codec),
        iou=bd_iou(results, anchor, codec, regime),
        task_rate=_task_rate(results, anchor, codec, regime, epsilon),
    )


def bd_psnr(results: DatasetResults, anchor: str, codec: str) -> Estimate:
    """BD-PSNR of codec − anchor in dB."""
    return _mean_difference(results, _rate_curves(results, anchor, codec, ""), results.image_df)


def bd_iou(results: DatasetResults, anchor: str, codec: str, regime: str) -> Estimate:
    """BD-IoU of codec − anchor, with maps of one regime."""
    return _mean_difference(results, _rate_curves(results, anchor, codec, regime), results.df)


def _rate_curves(results: DatasetResults, anchor: str, codec: str, regime: str) -> _RateCurves:
    """Curves of both codecs, or an undefined estimate with the reason."""
    quality = results.iou if regime else results.psnr
    curves = []
    for name in (anchor, codec):
        points = [p for p in results.points(name, regime) if not results.lossless(p)]
        if not points:
            what = f"{regime} maps" if regime else "points"
            return Estimate(reason=f"{name} has no lossy {what}")
        curves.append(RateCurve.of(points, quality, results.bpppb))
    return curves[0], curves[1]


def _mean_difference(results: DatasetResults, curves: _RateCurves, blocks_df: int) -> Estimate:
    return _estimate(
        results, curves, lambda a, b, _: bd_quality(a, b), bd_quality_resampled, blocks_df
    )


def _bd_rate(results: DatasetResults, anchor: str, codec: str) -> Estimate:
    curves = _rate_curves(results, anchor, codec, "")
    return in_percent(
        _estimate(
            results,
            curves,
            lambda a, b, _: _octaves_of(bd_rate(a, b)),
            lambda *curves: _octaves(bd_rate_resampled(*curves)),
            results.image_df,
        )
    )


def _task_rate(
    results: DatasetResults, anchor: str, codec: str, regime: str, epsilon: float
) -> Estimate:
    """BD-rate at equal IoU, from the threshold baseline's IoU to the ceiling minus epsilon."""
    if ORIGINAL not in results.iou:
        return Estimate(reason="no maps of originals were made")
    bottom, ceiling = results.iou[BASELINE], results.iou[ORIGINAL]

    def of_curves(a: Curve, b: Curve, seed: int | None) -> Delta:
        low = bottom.value if seed is None else float(bottom.by_seed[seed])
        high = ceiling.value if seed is None else float(ceiling.by_seed[seed])
        return _octaves_of(task_bd_rate(a.rate, a.quality, b.rate, b.quality, low, high - epsilon))

    def of_resamples(rate_a: Floats, iou_a: Floats, rate_b: Floats, iou_b: Floats) -> Floats:
        low, high = bottom.resampled, ceiling.resampled - epsilon
        return _octaves(task_bd_rate_resampled(rate_a, iou_a, rate_b, iou_b, low, high))

    curves = _rate_curves(results, anchor, codec, regime)
    return in_percent(_estimate(results, curves, of_curves, of_resamples, results.df))


def in_percent(octaves: Estimate) -> Estimate:
    """Convert a difference of log2 rates to percent of the anchor's rate.

    No bound falls below −100 %. The standard error follows from the delta method:
    100·ln 2·2^value·se.
    """
    if octaves.value is None:
        return octaves
    bounds = {
        name: None if figure is None else float(100 * np.expm1(np.log(2) * figure))
        for name in ("value", "low", "high", "lower", "upper")
        for figure in [getattr(octaves, name)]
    }
    slope = float(100 * np.log(2) * 2**octaves.value)
    se = None if octaves.se is None else slope * octaves.se
    return octaves.model_copy(update={**bounds, "se": se})


def _octaves(percent: Floats) -> Floats:
    return np.asarray(np.log1p(percent / 100) / np.log(2))


def _octaves_of(percent: Delta) -> Delta:
    if percent.value is None:
        return percent
    return Delta(float(_octaves(np.array(percent.value))))


def _estimate(
    results: DatasetResults,
    curves: _RateCurves,
    of_curves: _OfCurves,
    of_resamples: _OfResamples,
    blocks_df: int,
) -> Estimate:
    if isinstance(curves, Estimate):
        return curves
    anchor, codec = curves
    overall = of_curves(anchor.curve, codec.curve, None)
    if overall.value is None:
        return Estimate(reason=overall.reason)
    by_seed = [
        of_curves(anchor.curve_of_seed(seed), codec.curve_of_seed(seed), seed).value
        for seed in range(results.seeds)
    ]
    return estimate(
        overall.value,
        of_resamples(anchor.rate, anchor.resampled, codec.rate, codec.resampled),
        np.array(by_seed, np.float64),  # None becomes nan
        blocks_df,
    )
