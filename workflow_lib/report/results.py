"""What the study found, in the order in which the report tells it."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from workflow_lib.config.study import Study
from workflow_lib.metrics import names
from workflow_lib.metrics.curves import Curve, Delta, bd_quality, bd_rate
from workflow_lib.metrics.table import main_table

EPSILON = 0.01
"""IoU that a map may lose and still count as good as the one of originals."""

_JOINED = "\N{NO-BREAK SPACE}"
_POINT = ["dataset", "codec", "rate"]
_DETAILS = [
    names.BPPPB_NATIVE,
    names.RMSE,
    names.SSIM,
    names.PAYLOAD_BYTES,
    names.HEADER_BYTES,
    names.SIDE_BYTES,
    names.AT_FLOOR,
]


@dataclass(frozen=True)
class Verdict:
    """How far one codec may go on one dataset, as a point estimate.

    Attributes:
        codec: its name.
        lowest: lowest rate in bpppb whose frozen IoU is at most EPSILON below the one on
            originals; None where no rate tried is good enough.
        iou: frozen IoU there, else nan.
        relapses: a higher rate than `lowest` falls short again.
        highest: highest rate tried, in bpppb.
    """

    codec: str
    lowest: float | None
    iou: float
    relapses: bool
    highest: float


@dataclass(frozen=True)
class Comparison:
    """One codec against the anchor on one dataset: BD-PSNR (dB), BD-rate (%), BD-IoU (frozen)."""

    codec: str
    psnr: Delta
    rate: Delta
    iou: Delta


def all_points(study: Study, table: pd.DataFrame) -> pd.DataFrame:
    """The main table with rate split, RMSE, SSIM and floor of each point.

    Rows stand in the study's order of datasets and codecs, then by rising rate. Further columns are
    named as in `metrics.names`, besides `at_floor` (bool) and `total_bytes`.
    """
    main = main_table(table, study.run)
    pooled = table[(table["scene"] == "") & (table["codec"] != "")]
    details = pooled.pivot_table(index=_POINT, columns="metric", values="value")
    points = main.join(details.reindex(columns=_DETAILS), on=_POINT)
    parts = [names.PAYLOAD_BYTES, names.HEADER_BYTES, names.SIDE_BYTES]
    points = points.assign(
        total_bytes=points[parts].sum(axis=1, skipna=False),
        at_floor=points[names.AT_FLOOR] > 0,
        dataset_order=points["dataset"].map({n: i for i, n in enumerate(study.run)}),
        codec_order=points["codec"].map({n: i for i, n in enumerate(study.codecs)}),
    )
    order = ["dataset_order", "segmenter", "codec_order", names.BPPPB]
    points = points.sort_values(order, kind="stable", ignore_index=True)
    return points.drop(columns=["dataset_order", "codec_order"])


def by_codec(points: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The points of each codec of one dataset and segmenter, in their order."""
    for codec, rows in points.groupby("codec", sort=False):
        yield str(codec), rows


def lossy(points: pd.DataFrame) -> pd.DataFrame:
    """The points that lose something: curves and their differences are of these alone."""
    return points[~np.isinf(points[names.PSNR_DB].astype(np.float64))]


def verdicts(points: pd.DataFrame) -> list[Verdict]:
    """How far each codec may go, from the points of one dataset and segmenter; those with maps."""
    scored = points.dropna(subset=["iou_frozen", "iou_originals"])
    return [_verdict(codec, rows) for codec, rows in by_codec(scored)]


def _verdict(codec: str, rows: pd.DataFrame) -> Verdict:
    rate = rows[names.BPPPB].to_numpy(np.float64)
    iou = rows["iou_frozen"].to_numpy(np.float64)
    good = iou >= rows["iou_originals"].to_numpy(np.float64) - EPSILON - 1e-12
    highest = float(rate[-1])
    if not good.any():
        return Verdict(codec, None, float("nan"), False, highest)
    first = int(good.argmax())
    return Verdict(codec, float(rate[first]), float(iou[first]), not good[first:].all(), highest)


def anchor(study: Study, dataset: str) -> str | None:
    """The dataset's JPEG 2000, against which the others are compared; None where it has none."""
    rated = study.datasets[dataset].rates
    kinds = {name: codec.kind for name, codec in study.codecs.items() if name in rated}
    return next((name for name, kind in kinds.items() if kind == "jpeg2000"), None)


def comparisons(points: pd.DataFrame, anchor: str) -> list[Comparison]:
    """Every other codec against the anchor, from the points of one dataset and segmenter."""
    curves = dict(by_codec(lossy(points)))
    if anchor not in curves:
        return []
    return [
        Comparison(
            codec,
            psnr=bd_quality(_curve(curves[anchor], names.PSNR_DB), _curve(rows, names.PSNR_DB)),
            rate=bd_rate(_curve(curves[anchor], names.PSNR_DB), _curve(rows, names.PSNR_DB)),
            iou=bd_quality(_curve(curves[anchor], "iou_frozen"), _curve(rows, "iou_frozen")),
        )
        for codec, rows in curves.items()
        if codec != anchor
    ]


def _curve(rows: pd.DataFrame, quality: str) -> Curve:
    return Curve.of(rows[names.BPPPB].to_numpy(), rows[quality].to_numpy())


def facts(study: Study, name: str, table: pd.DataFrame) -> dict[str, str]:
    """What a reader must know of a dataset's size and units, by heading."""
    dataset = study.datasets[name]
    own = table[table["dataset"] == name]
    quantity, folds, side = dataset.quantity, dataset.tiling.folds, dataset.tiling.tile
    bands = ", ".join(
        f"{band.name} ({band.wavelength_um:g}{_JOINED}µm)" for band in study.bands(name)
    )
    peak = quantity.data_range * quantity.scale
    told = {
        "Sensor": dataset.sensor,
        f"{len(dataset.bands)} band{'s' * (len(dataset.bands) > 1)}": bands,
        "Quantity": f"{quantity.name}, 1 count = {amount(quantity.scale, quantity.unit)}",
        "Peak of PSNR": f"{quantity.data_range:g} counts = {amount(peak, quantity.unit)}",
        "Scored tiles": f"{_scored_tiles(own)} of {side} × {side} px",
        "Scored valid pixels": _scored_pixels(own, len(dataset.bands)),
        "Class share": _class_share(own),
        "Held out": f"fold {folds.held_out} of {folds.count} (numbered from 0), "
        f"in blocks of {folds.block_tiles}{_JOINED}×{_JOINED}{folds.block_tiles} tiles",
    }
    if dataset.codec_from is not None:
        told["Learned codecs"] = f"trained on {dataset.codec_from}, not on this dataset"
    return told


def amount(value: float, unit: str) -> str:
    """A physical value with its unit; that of a ratio, "1", stays unsaid."""
    return f"{value:g}" if unit == "1" else f"{value:g} {unit}"


def _scored_tiles(own: pd.DataFrame) -> str:
    scored = own[own["row"].notna() & (own["metric"] == names.TP)]
    return f"{len(scored[['scene', 'row', 'col']].drop_duplicates()):,}" if len(scored) else "–"


def _scored_pixels(own: pd.DataFrame, bands: int) -> str:
    samples = own.loc[(own["scene"] == "") & (own["metric"] == names.SAMPLES), "value"]
    return f"{samples.iloc[0] / bands:,.0f}" if len(samples) else "–"


def _class_share(own: pd.DataFrame) -> str:
    on_originals = own["regime"].isin(["original", "trivial"]) & (own["scene"] == "")
    counts = own[on_originals].groupby("metric")["value"].first()
    labelled = sum(counts.get(name, 0.0) for name in (names.TP, names.FP, names.FN, names.TN))
    if not labelled:
        return "–"
    share = (counts[names.TP] + counts[names.FN]) / labelled
    return f"{100 * share:.2f} % of {labelled:,.0f} labelled valid pixels"
