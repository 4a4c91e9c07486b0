"""One codec against another over their common rates, with intervals."""

from collections.abc import Callable

import numpy as np

from workflow_lib.metrics.curves import (
    Curve,
    Delta,
    bd_quality,
    bd_quality_resampled,
    bd_rate,
    bd_rate_resampled,
)
from workflow_lib.metrics.evidence import Evidence
from workflow_lib.metrics.findings import Comparison, Estimate
from workflow_lib.metrics.intervals import estimate
from workflow_lib.metrics.points import ORIGINAL, TRIVIAL
from workflow_lib.metrics.replicates import Floats
from workflow_lib.metrics.task_curves import task_bd_rate, task_bd_rate_resampled
from workflow_lib.metrics.track import Track

_Tracks = tuple[Track, Track] | Estimate
_OfCurves = Callable[[Curve, Curve, int | None], Delta]
"""Of the anchor's and the codec's curves, over all seeds (None) or of one, by its place."""
_OfResamples = Callable[[Floats, Floats, Floats, Floats], Floats]


def compare(evidence: Evidence, anchor: str, codec: str, regime: str, epsilon: float) -> Comparison:
    """All differences codec − anchor, maps taken in one regime.

    Args:
        evidence: of one dataset and segmenter.
        anchor, codec: names of codecs.
        regime: "frozen" or "retrained".
        epsilon: IoU below the ceiling up to which BD-rates at equal IoU are taken.
    """
    return Comparison(
        codec=codec,
        anchor=anchor,
        regime=regime,
        psnr=bd_psnr(evidence, anchor, codec),
        rate=_bd_rate(evidence, anchor, codec),
        iou=bd_iou(evidence, anchor, codec, regime),
        task_rate=_task_rate(evidence, anchor, codec, regime, epsilon),
    )


def bd_psnr(evidence: Evidence, anchor: str, codec: str) -> Estimate:
    """BD-PSNR of codec − anchor in dB."""
    return _mean_difference(evidence, _tracks(evidence, anchor, codec, ""), evidence.image_df)


def bd_iou(evidence: Evidence, anchor: str, codec: str, regime: str) -> Estimate:
    """BD-IoU of codec − anchor, maps taken in one regime."""
    return _mean_difference(evidence, _tracks(evidence, anchor, codec, regime), evidence.df)


def _tracks(evidence: Evidence, anchor: str, codec: str, regime: str) -> _Tracks:
    """Both codecs' tracks, or why there are none."""
    quality = evidence.iou if regime else evidence.psnr
    tracks = []
    for name in (anchor, codec):
        points = [p for p in evidence.points(name, regime) if not evidence.lossless(p)]
        if not points:
            what = f"{regime} maps" if regime else "points"
            return Estimate(reason=f"{name} has no lossy {what}")
        tracks.append(Track.of(points, quality, evidence.bpppb))
    return tracks[0], tracks[1]


def _mean_difference(evidence: Evidence, tracks: _Tracks, blocks_df: int) -> Estimate:
    return _estimate(
        evidence, tracks, lambda a, b, _: bd_quality(a, b), bd_quality_resampled, blocks_df
    )


def _bd_rate(evidence: Evidence, anchor: str, codec: str) -> Estimate:
    tracks = _tracks(evidence, anchor, codec, "")
    return in_percent(
        _estimate(
            evidence,
            tracks,
            lambda a, b, _: _octaves_of(bd_rate(a, b)),
            lambda *curves: _octaves(bd_rate_resampled(*curves)),
            evidence.image_df,
        )
    )


def _task_rate(
    evidence: Evidence, anchor: str, codec: str, regime: str, epsilon: float
) -> Estimate:
    """BD-rate at equal IoU, between the trivial map's and the ceiling less epsilon."""
    if ORIGINAL not in evidence.iou:
        return Estimate(reason="no maps of originals were made")
    bottom, ceiling = evidence.iou[TRIVIAL], evidence.iou[ORIGINAL]

    def of_curves(a: Curve, b: Curve, seed: int | None) -> Delta:
        low = bottom.value if seed is None else float(bottom.by_seed[seed])
        high = ceiling.value if seed is None else float(ceiling.by_seed[seed])
        return _octaves_of(task_bd_rate(a.rate, a.quality, b.rate, b.quality, low, high - epsilon))

    def of_resamples(rate_a: Floats, iou_a: Floats, rate_b: Floats, iou_b: Floats) -> Floats:
        low, high = bottom.resampled, ceiling.resampled - epsilon
        return _octaves(task_bd_rate_resampled(rate_a, iou_a, rate_b, iou_b, low, high))

    tracks = _tracks(evidence, anchor, codec, regime)
    return in_percent(_estimate(evidence, tracks, of_curves, of_resamples, evidence.df))


def in_percent(octaves: Estimate) -> Estimate:
    """A difference of log2 rates as percent of the anchor's rate, which no bound takes below −100.

    The standard error is that of the delta method: a rate's, 100·ln 2·2^value·se.
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
    evidence: Evidence,
    tracks: _Tracks,
    of_curves: _OfCurves,
    of_resamples: _OfResamples,
    blocks_df: int,
) -> Estimate:
    if isinstance(tracks, Estimate):
        return tracks
    anchor, codec = tracks
    overall = of_curves(anchor.curve, codec.curve, None)
    if overall.value is None:
        return Estimate(reason=overall.reason)
    by_seed = [
        of_curves(anchor.curve_of_seed(seed), codec.curve_of_seed(seed), seed).value
        for seed in range(evidence.seeds)
    ]
    return estimate(
        overall.value,
        of_resamples(anchor.rate, anchor.resampled, codec.rate, codec.resampled),
        np.array(by_seed, np.float64),  # None becomes nan
        blocks_df,
    )
