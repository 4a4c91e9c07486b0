"""Gathered results against direct sums over the table."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from planted import Truth, dataset, study, table

from workflow_lib.inference.findings import Findings
from workflow_lib.inference.gather import block_side, gather
from workflow_lib.inference.judge import judge
from workflow_lib.inference.points import ORIGINAL, RatePoint
from workflow_lib.measure.table import write

SCRIPT = Path(__file__).parents[3] / "scripts" / "judge_study.py"


def total(rows, metric, seed=None):
    chosen = rows[(rows["metric"] == metric) & rows["row"].notna()]
    return chosen.loc[chosen["seed"].isin([0, 1] if seed is None else [seed]), "value"].sum()


def test_figures_are_ratios_of_sums_over_blocks_and_seeds():
    configured = study(seeds=(0, 1), toy=dataset(rates={"dgml": [0.1]}))
    rows = table(configured, "toy", Truth(between_seeds=0.05))
    results = gather(configured, rows, "toy", "unet")
    originals = rows[rows["regime"] == "original"]
    coded = rows[(rows["regime"] == "") & (rows["codec"] == "dgml")]
    iou, psnr = results.iou[ORIGINAL], results.psnr[RatePoint("dgml", "0.1")]
    for seed, (found, expected) in enumerate(
        ((iou.value, None), (iou.by_seed[0], 0), (iou.by_seed[1], 1)), start=-1
    ):
        tp, fn = total(originals, "tp", expected), total(originals, "fn", expected)
        assert found == pytest.approx(tp / (tp + fn)), seed
    mse = total(coded, "sse") / total(coded, "samples")
    assert psnr.value == pytest.approx(10 * np.log10(10000**2 / mse))
    pooled = coded[(coded["metric"] == "bpppb") & (coded["scene"] == "")]
    assert results.rate(RatePoint("dgml", "0.1", "frozen")) == pytest.approx(pooled["value"].mean())


def test_blocks_are_paired_across_points():
    # variation between blocks cancels, so the change varies far less than either map
    configured = study(toy=dataset(rates={"jpeg2000": [0.1]}))
    rows = table(configured, "toy", Truth(noise=0.001))
    results = gather(configured, rows, "toy", "unet")
    frozen = RatePoint("jpeg2000", "0.1", "frozen")
    assert results.change(frozen).se < results.score(frozen).se / 10


@pytest.mark.parametrize(("correlation", "side"), [(0, 4), (64, 4), (65, 8), (200, 16)])
def test_a_block_is_at_least_as_wide_as_the_correlation_length(correlation, side):
    tiling = study(toy=dataset()).datasets["toy"].tiling
    folds = tiling.folds.model_copy(update={"block_tiles": 4})
    assert block_side(tiling.model_copy(update={"folds": folds}), correlation) == side


def test_the_script_writes_the_findings_of_judge(tmp_path):
    configured = study(toy=dataset(rates={"jpeg2000": [0.1, "lossless"]}))
    rows = table(configured, "toy", replace(Truth(), blocks=8, positive=5))
    write(rows, tmp_path / "metrics.parquet")
    command = [sys.executable, SCRIPT, "--study", configured.canonical()]
    files = ["--metrics", tmp_path / "metrics.parquet", "--findings", tmp_path / "findings.json"]
    subprocess.run([*command, *files], check=True)
    text = (tmp_path / "findings.json").read_text(encoding="utf-8")
    assert text == f"{judge(configured, rows).canonical()}\n"
    assert Findings.parse(text).findings[0].dataset == "toy"
