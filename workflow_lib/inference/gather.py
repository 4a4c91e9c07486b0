"""Gather the results of a dataset from the tidy table and resample them over blocks."""

from collections.abc import Callable
from math import ceil

import numpy as np
import pandas as pd

from workflow_lib.config.datasets import Dataset, Tiling
from workflow_lib.config.study import Study
from workflow_lib.errors import DownlinkError
from workflow_lib.inference.bootstrap import block_weights
from workflow_lib.inference.dataset_results import DatasetResults
from workflow_lib.inference.measurements import Measurements
from workflow_lib.inference.points import (
    BASELINE,
    ORIGINAL,
    RatePoint,
    fine_tuned,
    mapped,
    standalone,
)
from workflow_lib.inference.replicates import Floats, Replicates, replicates
from workflow_lib.measure import metric_names

_COUNTS = (metric_names.TP, metric_names.FP, metric_names.FN)
_ERRORS = (metric_names.SSE, metric_names.SAMPLES)


def gather(study: Study, table: pd.DataFrame, name: str, segmenter: str) -> DatasetResults:
    """Gather the results of one dataset with one segmenter.

    Seeds that any trained point lacks are left out.

    Args:
        study: names the rate points.
        table: the tidy table, see `measure.table`.
        name: name of the dataset.
        segmenter: name of the segmenter.

    Raises:
        DownlinkError: the table lacks a point that the study names.
    """
    dataset = study.datasets[name]
    rows = table[(table["dataset"] == name) & table["segmenter"].isin(["", segmenter])]
    pooled = rows[rows["scene"] == ""]
    correlation = _correlation(name, pooled)
    side = block_side(dataset.tiling, correlation)
    summed = rows[rows["row"].notna() & rows["metric"].isin([*_COUNTS, *_ERRORS])]
    by_block = Measurements.by_block(name, summed, side)
    over_all = by_block.pooled(pooled[pooled["fold"].isna()])
    counts = by_block.stacked(BASELINE, _COUNTS)
    positive = (counts[0] + counts[2]).any(axis=0)
    weights = block_weights(positive, study.statistics.resamples, study.statistics.seed)

    def resampled(
        points: list[RatePoint], metrics: tuple[str, ...], figure: Callable[[Floats], Floats]
    ) -> dict[RatePoint, Replicates]:
        seeds = len(by_block.seeds)
        return {p: replicates(by_block.stacked(p, metrics), weights, seeds, figure) for p in points}

    coded = [*standalone(dataset), *fine_tuned(dataset)]
    return DatasetResults(
        name=name,
        dataset=dataset,
        segmenter=segmenter,
        seeds=len(by_block.seeds),
        positive=positive,
        scenes=summed["scene"].nunique(),
        block_px=side * dataset.tiling.tile,
        correlation_px=correlation,
        iou=resampled(_maps(dataset), _COUNTS, _iou),
        psnr=resampled(coded, _ERRORS, lambda sums: _psnr(sums, dataset.quantity.data_range)),
        bpppb={
            point: np.broadcast_to(
                over_all.values(point, metric_names.BPPPB)[:, 0], len(by_block.seeds)
            )
            for point in coded
        },
        pooled=_averages(over_all.frame),
        training_tiles=_training_tiles(pooled),
        codec_training_tiles=_codec_training_tiles(pooled),
    )


def block_side(tiling: Tiling, correlation_px: float) -> int:
    """Side of the resampled blocks in tiles.

    A resampled block is a square of the blocks that are assigned to folds. It is at least as wide
    as the correlation length of the labels.
    """
    fold_block = tiling.folds.block_tiles
    return fold_block * max(1, ceil(correlation_px / (fold_block * tiling.tile)))


def _maps(dataset: Dataset) -> list[RatePoint]:
    return [BASELINE, *([ORIGINAL] if dataset.regimes.original else []), *mapped(dataset)]


def _iou(counts: Floats) -> Floats:
    return np.asarray(counts[0] / counts.sum(axis=0))


def _psnr(errors: Floats, peak: float) -> Floats:
    return np.asarray(10 * np.log10(peak**2 * errors[1] / errors[0]))


def _correlation(name: str, pooled: pd.DataFrame) -> float:
    lengths = pooled.loc[pooled["metric"] == metric_names.CORRELATION_PX, "value"].dropna()
    if lengths.empty:
        raise DownlinkError(
            f"{name}: the table of metrics has no {metric_names.CORRELATION_PX}. "
            "Run the study again."
        )
    return float(lengths.max())


def _averages(frame: pd.DataFrame) -> dict[tuple[RatePoint, str], float]:
    """Figures over all blocks, averaged over seeds."""
    means = frame["value"].groupby(level=[*RatePoint._fields, "metric"]).mean()
    keys = means.index.to_frame().itertuples(index=False)
    return {(RatePoint(*key[:4]), key[4]): float(v) for key, v in zip(keys, means, strict=True)}


def _training_tiles(pooled: pd.DataFrame) -> int:
    """Number of tiles that segmenters were trained on, averaged over folds; 0 if none was."""
    tiles = pooled.loc[pooled["metric"] == metric_names.TRAINING_TILES]
    tiles = tiles.loc[tiles["segmenter"] != ""]
    return round(tiles["value"].mean()) if len(tiles) else 0


def _codec_training_tiles(pooled: pd.DataFrame) -> dict[str, int]:
    rows = pooled[
        (pooled["metric"] == metric_names.CODEC_TRAINING_TILES) & (pooled["regime"] == "")
    ]
    rows = rows[rows["value"] > 0]  # classical codecs have 0
    return {str(codec): round(v) for codec, v in rows.groupby("codec")["value"].mean().items()}
