"""Build, check, read and write the study's tidy table: one row per figure."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import ArrayLike

from workflow_lib.data.tiles import Tiles
from workflow_lib.errors import DownlinkError
from workflow_lib.measure import metric_names, rows
from workflow_lib.measure.rows import Key

_IOU = {
    "frozen": "iou_frozen",
    "retrained": "iou_retrained",
    "original": "iou_originals",
    "baseline": "iou_baseline",
}
_HEADINGS = {
    metric_names.PSNR_DB: "PSNR (dB)",
    "iou_frozen": "IoU frozen",
    "iou_retrained": "IoU retrained",
    "iou_originals": "IoU on originals",
    "iou_baseline": "threshold baseline",
}


def pooled_rows(key: Key, figures: Mapping[str, float], scene: str = "") -> pd.DataFrame:
    """Return rows of figures; see `rows.pooled_rows`."""
    return frame(rows.pooled_rows(key, figures, scene))


def tile_rows(key: Key, tiles: Tiles, figures: Mapping[str, ArrayLike]) -> pd.DataFrame:
    """Return rows of every tile's figures; see `rows.tile_rows`."""
    return frame(rows.tile_rows(key, tiles, figures))


def frame(table: pa.Table) -> pd.DataFrame:
    """Return rows as a data frame of types str, Int64 and float64."""
    converted: pd.DataFrame = table.to_pandas()
    return converted


def join(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of all tables, sorted; see `rows.join`.

    Raises:
        ValueError: a figure occurs twice, or a table has other columns.
    """
    return frame(rows.join(map(_arrow, tables)))


def validate(table: pd.DataFrame) -> None:
    """Check a table; see `rows.validate`.

    Raises:
        ValueError: the table fails a check; the message names the first offending values.
    """
    rows.validate(_arrow(table))


def write(table: pd.DataFrame, path: Path) -> None:
    """Write a table as Parquet; see `rows.write`.

    Raises:
        ValueError: see `join`.
        DownlinkError: the disk is full.
    """
    rows.write(_arrow(table), path)


def read(paths: Iterable[Path]) -> pd.DataFrame:
    """Return the rows of all files, sorted.

    Raises:
        DownlinkError: a file is missing, damaged or has other columns.
        ValueError: a figure occurs in two files.
    """
    return frame(rows.read(paths))


def main_table(table: pd.DataFrame, datasets: Sequence[str]) -> pd.DataFrame:
    """Build the main table: rate, PSNR and IoU by dataset, codec, rate point and segmenter.

    Figures are pooled over each dataset's scored folds and averaged over seeds. A missing figure
    is nan.

    Args:
        table: the tidy table.
        datasets: names of the datasets to show, in this order.
    """
    pooled = table[(table["scene"] == "") & table["fold"].isna() & table["dataset"].isin(datasets)]
    coded, iou = pooled[pooled["regime"] == ""], pooled[pooled["metric"] == metric_names.IOU]
    points = _means(
        coded, ["dataset", "codec", "rate"], "metric", (metric_names.BPPPB, metric_names.PSNR_DB)
    )
    maps = iou.loc[iou["segmenter"] != "", ["dataset", "segmenter"]].drop_duplicates()
    main = points.reset_index().merge(maps, on="dataset", how="left").fillna({"segmenter": ""})
    for index, regimes in (
        (["dataset", "codec", "rate", "segmenter"], ("frozen", "retrained")),
        (["dataset", "segmenter"], ("original",)),
        (["dataset"], ("baseline",)),
    ):
        main = main.join(_means(iou, index, "regime", regimes), on=index)
    order = main["dataset"].map({name: place for place, name in enumerate(datasets)})
    main = main.assign(order=order).sort_values(["order", "codec", metric_names.BPPPB, "segmenter"])
    main = main.rename(columns=_IOU).reset_index(drop=True)
    return main[
        [
            "dataset",
            "codec",
            "rate",
            "segmenter",
            metric_names.BPPPB,
            metric_names.PSNR_DB,
            *_IOU.values(),
        ]
    ]


def read_main_table(path: Path) -> pd.DataFrame:
    """Read the main table from its CSV file.

    Raises:
        DownlinkError: the file is missing or damaged.
    """
    numbers = [metric_names.BPPPB, metric_names.PSNR_DB, *_IOU.values()]
    names = ["dataset", "codec", "rate", "segmenter"]
    try:
        return pd.read_csv(
            path,
            usecols=[*names, *numbers],
            dtype=dict.fromkeys(names, "str") | dict.fromkeys(numbers, "float64"),
            keep_default_na=False,  # a dataset may be called NA
            na_values={name: [""] for name in numbers},
        )
    except FileNotFoundError as error:
        raise DownlinkError(
            f"{path}: does not exist. Run the study first (make), or name another one (STUDY=FILE)."
        ) from error
    except (OSError, ValueError) as error:
        raise DownlinkError(
            f"{path}: not a readable main table ({error}). Run the study again."
        ) from error


def format_main_table(main: pd.DataFrame) -> str:
    """Format the main table as aligned text; name segmenters only if there are several."""
    several = len(set(main["segmenter"]) - {""}) > 1
    shown = main if several else main.drop(columns="segmenter")
    digits = {metric_names.BPPPB: 3, metric_names.PSNR_DB: 2} | dict.fromkeys(_IOU.values(), 3)
    text = shown.assign(
        **{name: [_number(v, n) for v in shown[name]] for name, n in digits.items()}
    )
    return text.rename(columns=_HEADINGS).to_markdown(
        index=False,
        tablefmt="simple",
        disable_numparse=True,
        colalign=["right" if name in digits or name == "rate" else "left" for name in shown],
    )


def _arrow(table: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(table, preserve_index=False)


def _means(
    table: pd.DataFrame, index: list[str], columns: str, wanted: Sequence[str]
) -> pd.DataFrame:
    """Means over seeds, with one column for each wanted name."""
    kept = table[table[columns].isin(wanted)]
    means = kept.groupby([*index, columns])["value"].mean()
    return means.unstack(columns).reindex(columns=list(wanted)).rename_axis(columns=None)


def _number(value: float, digits: int) -> str:
    if np.isnan(value):
        return "–"
    return "∞" if np.isinf(value) else f"{value:.{digits}f}"
