"""Select figures of the tidy table that the report shows next to the findings."""

import math
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from workflow_lib.config.study import Study
from workflow_lib.inference.findings import Estimate, Finding, PointFinding
from workflow_lib.measure import metric_names
from workflow_lib.measure.rows import REGIMES
from workflow_lib.measure.table import main_table
from workflow_lib.paths import FINETUNED

_POINT = ["dataset", "codec", "rate"]
_BYTES = [metric_names.PAYLOAD_BYTES, metric_names.HEADER_BYTES, metric_names.SIDE_BYTES]
_CODED = [
    metric_names.PSNR_DB,
    metric_names.PSNR_TRAINING_DB,
    metric_names.RMSE,
    metric_names.RMSE_LABEL,
    metric_names.RMSE_BACKGROUND,
    metric_names.SSIM,
    metric_names.SPECTRAL_ANGLE_RAD,
]
_MAPPED = [
    metric_names.IOU,
    metric_names.F1,
    metric_names.PRECISION,
    metric_names.RECALL,
    metric_names.AVERAGE_PRECISION,
    metric_names.EVENTS,
    metric_names.EVENT_RECALL,
    metric_names.FALSE_ALARMS_PER_MPX,
]
_SHOWN = [
    metric_names.BPPPB,
    metric_names.BPPPB_NATIVE,
    metric_names.AT_FLOOR,
    *_BYTES,
    *_CODED,
    *_MAPPED,
]


def all_figures(study: Study, table: pd.DataFrame) -> pd.DataFrame:
    """Tabulate figures over all scored blocks, averaged over seeds, with a column per metric.

    There is a row for each dataset, regime, segmenter, codec, rate and trained_on. Rows follow the
    study's order, then the rate. Maps have the bpppb of their codec.
    """
    pooled = table[(table["scene"] == "") & table["fold"].isna()]
    keys = [*_POINT, "regime", "trained_on", "segmenter"]
    wide = pooled.pivot_table(index=keys, columns="metric", values="value").reindex(columns=_SHOWN)
    figures = wide.rename_axis(columns=None).reset_index()
    standalone = figures[figures["regime"] == ""].set_index(_POINT)[metric_names.BPPPB]
    rates = figures.join(standalone.rename("standalone"), on=_POINT)["standalone"]
    figures = figures.assign(bpppb=figures[metric_names.BPPPB].fillna(rates))
    return _in_order(figures, study, ["regime", "segmenter"])


def all_points(study: Study, table: pd.DataFrame) -> pd.DataFrame:
    """Extend the main table by the bytes of each point, in the study's order, sorted by rate.

    Further columns: metrics by name, `at_floor` (bool) and `total_bytes`.
    """
    figures = all_figures(study, table)
    standalone = figures[figures["regime"] == ""].set_index(_POINT)
    details = standalone[[metric_names.BPPPB_NATIVE, metric_names.AT_FLOOR, *_BYTES]]
    points = main_table(table, study.run).join(details, on=_POINT)
    points = points.assign(
        total_bytes=points[_BYTES].sum(axis=1, skipna=False),
        at_floor=points[metric_names.AT_FLOOR] > 0,
    )
    return _in_order(points, study, ["segmenter"])


def coded_points(points: pd.DataFrame, findings: Iterable[Finding]) -> list[PointFinding]:
    """List PSNR at every rate point of one dataset.

    Points of standalone codecs come first and have the regime "". Their intervals come from the
    findings; points without findings have no interval. Points of fine-tuned codecs follow.

    Args:
        points: rows of `all_points` of one dataset.
        findings: findings on this dataset.
    """
    judged = [point for finding in findings for point in finding.points]
    standalone = {(p.codec, p.rate): p for p in judged if p.regime not in FINETUNED}
    once = points.drop_duplicates(["codec", "rate"]).to_dict("records")
    found = [standalone.get((row["codec"], row["rate"])) or _without_finding(row) for row in once]
    plain = [point.model_copy(update={"regime": "", "trained_on": ""}) for point in found]
    return plain + [point for point in judged if point.regime in FINETUNED]


def _without_finding(row: Mapping[Hashable, Any]) -> PointFinding:
    psnr = float(row[metric_names.PSNR_DB])
    reason = "there are no findings" if math.isfinite(psnr) else "the point is lossless"
    none = Estimate(reason=reason)
    return PointFinding(
        codec=str(row["codec"]),
        rate=str(row["rate"]),
        regime="",
        bpppb=float(row[metric_names.BPPPB]),
        psnr=Estimate(value=psnr, reason=reason) if math.isfinite(psnr) else none,
        iou=none,
        change=none,
    )


def by_codec(points: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Group the points of one dataset and segmenter by codec, in their order."""
    for codec, rows in points.groupby("codec", sort=False):
        yield str(codec), rows


def _in_order(rows: pd.DataFrame, study: Study, groups: Sequence[str]) -> pd.DataFrame:
    orders = {"dataset": study.run, "codec": ("", *study.codecs), "regime": REGIMES}
    keys = ["dataset", *groups, "codec", metric_names.BPPPB]
    places = {
        key: rows[key].map({name: place for place, name in enumerate(orders[key])})
        if key in orders
        else rows[key]
        for key in keys
    }
    order = pd.DataFrame(places).sort_values(keys, kind="stable").index
    return rows.loc[order].reset_index(drop=True)
