"""Build, check, read and write the study's tidy table: one row per figure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow  # noqa: F401  # pandas takes it by name: without this line no digest would know of it
from numpy.typing import ArrayLike

from workflow_lib.data.tiles import Tiles
from workflow_lib.errors import DownlinkError
from workflow_lib.files import atomic
from workflow_lib.measure import metric_names

REGIMES = (
    "",
    "original",
    "frozen",
    "retrained",
    "mismatched",
    "joint",
    "control",
    "baseline",
)
"""How a map was made. Rows of rate and distortion name a regime only for fine-tuned codecs."""

_DTYPES = {
    "dataset": "str",
    "codec": "str",
    "rate": "str",
    "regime": "str",
    "trained_on": "str",
    "segmenter": "str",
    "seed": "Int64",
    "fold": "Int64",
    "scene": "str",
    "row": "Int64",
    "col": "Int64",
    "metric": "str",
    "value": "float64",
}
_KEYS = [name for name in _DTYPES if name != "value"]

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


@dataclass(frozen=True)
class Key:
    """Identifies what figures describe.

    Attributes:
        dataset: name of the dataset.
        codec, rate: name of the codec and of the rate point; empty for originals.
        regime: one of REGIMES.
        trained_on: "CODEC at RATE" for a mismatched segmenter, else empty.
        segmenter: name of the segmenter; empty for figures without one.
        seed: training seed; None where nothing was trained.
        fold: the held-out fold; None for all folds together.
    """

    dataset: str
    codec: str = ""
    rate: str = ""
    regime: str = ""
    trained_on: str = ""
    segmenter: str = ""
    seed: int | None = None
    fold: int | None = None


def pooled_rows(key: Key, figures: Mapping[str, float], scene: str = "") -> pd.DataFrame:
    """Rows of figures, given by metric name, of one scene or (default) of all scenes together."""
    columns = {"scene": scene, "row": None, "col": None}
    return _frame(key, {**columns, "metric": list(figures), "value": list(figures.values())})


def tile_rows(key: Key, tiles: Tiles, figures: Mapping[str, ArrayLike]) -> pd.DataFrame:
    """Rows of figures of every tile, given as arrays [tile] by metric name."""
    count = len(figures)
    columns = {
        "scene": np.tile(tiles.scene, count),
        "row": np.tile(tiles.row, count),
        "col": np.tile(tiles.col, count),
        "metric": np.repeat(list(figures), len(tiles)),
        "value": np.concatenate([np.asarray(values, float) for values in figures.values()]),
    }
    return _frame(key, columns)


def join(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Concatenate tidy tables and sort their rows.

    Raises:
        ValueError: two rows have the same key, or a table is not a valid tidy table.
    """
    joined = pd.concat(list(tables), ignore_index=True).sort_values(_KEYS, kind="stable")
    joined = joined.reset_index(drop=True)
    validate(joined)
    return joined


def validate(table: pd.DataFrame) -> None:
    """Check columns, dtypes, regimes and metric names, and that no key occurs twice.

    Raises:
        ValueError: the table fails a check; the message names the first offending values.
    """
    found = {str(name): str(dtype) for name, dtype in table.dtypes.items()}
    if found != _DTYPES:
        raise ValueError(f"columns {found} where {_DTYPES} are expected")
    unknown = {name for name in set(table["metric"]) if not metric_names.is_known(name)}
    _refuse("unknown regime", set(table["regime"]) - set(REGIMES))
    _refuse("unknown metric", unknown)
    _refuse("tile without scene", table.loc[table["row"].notna() & (table["scene"] == ""), "row"])
    _refuse("figure given twice", table.loc[table.duplicated(_KEYS), _KEYS].to_dict("records"))


def write(table: pd.DataFrame, path: Path) -> None:
    """Write a tidy table as Parquet with sorted rows; equal tables give equal bytes.

    Raises:
        ValueError: the table is not a valid tidy table.
        DownlinkError: the disk is full.
    """
    ordered = join([table])
    with atomic(Path(path)) as draft:
        ordered.to_parquet(draft, engine="pyarrow", index=False)


def read(paths: Iterable[Path]) -> pd.DataFrame:
    """Read tidy tables from Parquet files and join them.

    Raises:
        DownlinkError: a file is missing, damaged or not a valid tidy table.
        ValueError: two files hold the same figure.
    """
    return join(_read(Path(path)) for path in paths)


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


def _frame(key: Key, columns: Mapping[str, Any]) -> pd.DataFrame:
    frame = pd.DataFrame({**columns}).assign(**asdict(key))
    return frame[list(_DTYPES)].astype(_DTYPES)


def _refuse(what: str, found: Any) -> None:
    if len(found):
        raise ValueError(f"{what}: {list(found)[:3]}")


def _read(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_parquet(path, engine="pyarrow")
        validate(table)
    except (OSError, ValueError) as error:
        raise DownlinkError(
            f"{path}: not a readable table of metrics ({error}). Delete it and run the study again."
        ) from error
    return table


def _means(
    rows: pd.DataFrame, index: list[str], columns: str, wanted: Sequence[str]
) -> pd.DataFrame:
    """Means over seeds, with one column for each wanted name."""
    kept = rows[rows[columns].isin(wanted)]
    means = kept.groupby([*index, columns])["value"].mean()
    return means.unstack(columns).reindex(columns=list(wanted)).rename_axis(columns=None)


def _number(value: float, digits: int) -> str:
    if np.isnan(value):
        return "–"
    return "∞" if np.isinf(value) else f"{value:.{digits}f}"
