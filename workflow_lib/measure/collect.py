"""Collect all tables of a study into one and pool figures over each dataset."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pandas as pd

from workflow_lib.codecs.base import CodedBytes
from workflow_lib.data.info import TileInfo
from workflow_lib.files import atomic
from workflow_lib.measure import metric_names
from workflow_lib.measure.distortion import Distortion, psnr
from workflow_lib.measure.rate import rates
from workflow_lib.measure.rows import Key
from workflow_lib.measure.scores import MapScores
from workflow_lib.measure.table import join, main_table, pooled_rows, read, write

_OF_TILES = (
    metric_names.SSE,
    metric_names.SAMPLES,
    metric_names.TP,
    metric_names.FP,
    metric_names.FN,
    metric_names.TN,
)
_REPLICATE = ["dataset", "codec", "rate", "regime", "trained_on", "segmenter", "seed"]


def collect(
    infos: Mapping[str, TileInfo], tables: Iterable[Path], metrics: Path, main: Path
) -> None:
    """Join tables, add figures pooled over folds and scenes, write the tidy and the main table.

    Args:
        infos: bands and units of each dataset, in the order of the report.
        tables: Parquet files with rate and distortion by scene, or scores by fold. Of single
            tiles, only sums are kept.
        metrics: Parquet file to write.
        main: CSV file to write.
    """
    table = read(tables)
    pooled = [
        rows_of(key, rows, infos[key.dataset])
        for key, rows in _replicates(table)
        for metric, rows_of in ((metric_names.SSE, _pooled_coding), (metric_names.TP, _pooled_maps))
        if (rows["metric"] == metric).any()
    ]
    table = join([table[_kept(table)], *pooled])
    write(table, metrics)
    with atomic(main) as draft:
        main_table(table, list(infos)).to_csv(draft, index=False)


def _kept(table: pd.DataFrame) -> pd.Series:
    """Rows to keep: of single tiles only the sums that the statistics need."""
    return table["row"].isna() | table["metric"].isin(_OF_TILES)


def _replicates(table: pd.DataFrame) -> Iterator[tuple[Key, pd.DataFrame]]:
    """Rows of all folds, for every codec, regime and seed."""
    for values, rows in table.groupby(_REPLICATE, dropna=False, sort=False):
        named = dict(zip(_REPLICATE, cast(tuple[Any, ...], values), strict=True))
        seed = None if pd.isna(named["seed"]) else int(named["seed"])
        yield Key(**{**named, "seed": seed}), rows


def _pooled_coding(key: Key, rows: pd.DataFrame, info: TileInfo) -> pd.DataFrame:
    scenes = rows[rows["row"].isna() & (rows["scene"] != "")].groupby("metric")["value"]
    total, largest = scenes.sum(), scenes.max()
    coded = CodedBytes(
        payload=int(total[metric_names.PAYLOAD_BYTES]),
        header=int(total[metric_names.HEADER_BYTES]),
        side=int(total[metric_names.SIDE_BYTES]),
    )
    pixels = int(total[metric_names.SAMPLES]) // len(info.bands)
    seen = total[metric_names.SSE_TRAINING], total[metric_names.SAMPLES_TRAINING]
    return pooled_rows(
        key,
        {
            **Distortion.from_rows(rows, info).pooled(),
            **rates(coded, pixels, info),
            metric_names.AT_FLOOR: float(largest[metric_names.AT_FLOOR]),
            metric_names.PSNR_TRAINING_DB: float(psnr(*seen, info.data_range)),
            metric_names.CODEC_TRAINING_TILES: float(largest[metric_names.CODEC_TRAINING_TILES]),
        },
    )


def _pooled_maps(key: Key, rows: pd.DataFrame, info: TileInfo) -> pd.DataFrame:
    """Scores from sums over all folds; average precision is the mean over folds.

    Probabilities of two segmenters cannot be ranked together, so average precision has no sum.
    """
    of_folds = rows[rows["scene"] == ""].groupby("metric")["value"].mean()
    means = (
        metric_names.AVERAGE_PRECISION,
        metric_names.TRAINING_TILES,
        metric_names.CORRELATION_PX,
    )
    return pooled_rows(
        key,
        {
            **MapScores.from_rows(rows).pooled(),
            **{name: float(of_folds[name]) for name in means if name in of_folds},
        },
    )
