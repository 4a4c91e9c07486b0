"""Summarise a dataset for the report: bands, units, sizes, class share, folds."""

import pandas as pd

from workflow_lib.config.study import Study
from workflow_lib.inference.findings import Finding
from workflow_lib.measure import metric_names
from workflow_lib.report.formatting import amount, count

_JOINED = "\N{NO-BREAK SPACE}"


def dataset_summary(
    study: Study, name: str, table: pd.DataFrame, findings: list[Finding]
) -> dict[str, str]:
    """Summarise a dataset as texts by heading.

    Args:
        study: configuration of the study.
        name: name of the dataset.
        table: the tidy table.
        findings: findings on this dataset.
    """
    dataset = study.datasets[name]
    own = table[table["dataset"] == name]
    quantity, side = dataset.quantity, dataset.tiling.tile
    bands = ", ".join(
        f"{band.name} ({band.wavelength_um:g}{_JOINED}µm)" for band in study.bands(name)
    )
    peak = quantity.data_range * quantity.scale
    summary = {
        "Sensor": dataset.sensor,
        count(len(dataset.bands), "band"): bands,
        "Quantity": f"{quantity.name}, 1 count = {amount(quantity.scale, quantity.unit)}",
        "Peak of PSNR": f"{quantity.data_range:g} counts = {amount(peak, quantity.unit)}",
        "Scored tiles": f"{_scored_tiles(own)} of {side} × {side} px",
        "Scored valid pixels": _scored_pixels(own, len(dataset.bands)),
        "Class share": _class_share(own),
        "Held out": _held_out(study, name),
    }
    if findings:
        summary |= _sizes(findings[0])
    if dataset.codec_from is not None:
        summary["Learned codecs"] = f"trained on {dataset.codec_from}, not on this dataset"
    return summary


def _held_out(study: Study, name: str) -> str:
    folds = study.datasets[name].tiling.folds
    if len(folds.held_out) == folds.count:
        which = f"each of {folds.count} folds in turn"
    else:
        numbers = ", ".join(map(str, folds.held_out))
        which = f"fold {numbers} of {folds.count} (numbered from 0)"
    if folds.by == "scene":
        return f"{which}; whole scenes"
    size = folds.block_tiles
    return f"{which}; blocks of {size}{_JOINED}×{_JOINED}{size} tiles"


def _sizes(finding: Finding) -> dict[str, str]:
    learned = "".join(f", {n}: {tiles:,}" for n, tiles in finding.codec_training_tiles.items())
    return {
        "Resampled blocks": f"{finding.blocks:,} of {finding.block_px} × {finding.block_px} px, "
        f"{finding.positive_blocks:,} of which hold the class",
        "Correlation length of labels": f"{finding.correlation_px:.0f} px",
        "Training tiles": f"segmenter: {finding.training_tiles:,}{learned}",
        "Seeds": f"{finding.seeds}",
    }


def _scored_tiles(own: pd.DataFrame) -> str:
    scored = own[own["row"].notna() & (own["metric"] == metric_names.TP)]
    return f"{len(scored[['scene', 'row', 'col']].drop_duplicates()):,}" if len(scored) else "–"


def _scored_pixels(own: pd.DataFrame, bands: int) -> str:
    pooled = (own["scene"] == "") & own["fold"].isna() & (own["regime"] == "")
    samples = own.loc[pooled & (own["metric"] == metric_names.SAMPLES), "value"]
    return f"{samples.iloc[0] / bands:,.0f}" if len(samples) else "–"


def _class_share(own: pd.DataFrame) -> str:
    pooled = (own["scene"] == "") & own["fold"].isna()
    on_originals = own["regime"].isin(["original", "baseline"]) & pooled
    counts = own[on_originals].groupby("metric")["value"].first()
    labelled = sum(
        counts.get(name, 0.0)
        for name in (metric_names.TP, metric_names.FP, metric_names.FN, metric_names.TN)
    )
    if not labelled:
        return "–"
    share = (counts[metric_names.TP] + counts[metric_names.FN]) / labelled
    return f"{100 * share:.2f} % of {labelled:,.0f} labelled valid pixels"
