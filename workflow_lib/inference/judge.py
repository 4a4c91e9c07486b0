"""Judge a study: turn its tidy table into findings."""

from collections.abc import Iterator

import pandas as pd

from workflow_lib.config.study import Study
from workflow_lib.inference.claims import claims, of_kind
from workflow_lib.inference.comparisons import compare
from workflow_lib.inference.dataset_results import DatasetResults
from workflow_lib.inference.fairness import checks
from workflow_lib.inference.findings import (
    CodecComparison,
    Finding,
    Findings,
    PointFinding,
    Verdict,
)
from workflow_lib.inference.gather import gather
from workflow_lib.inference.multiplicity import corrected
from workflow_lib.inference.points import BASELINE, ORIGINAL, RatePoint
from workflow_lib.inference.verdict import verdict

REGIMES = ("frozen", "retrained")
"""Regimes for comparisons and verdicts; the first one is primary."""


def judge(study: Study, table: pd.DataFrame) -> Findings:
    """Compute estimates, comparisons, verdicts, claims and checks of all datasets that were run.

    Args:
        study: configuration of the study.
        table: its tidy table, see `measure.table`.

    Raises:
        DownlinkError: the table lacks a point that the study names.
    """
    results = [
        gather(study, table, name, segmenter)
        for name in study.run
        for segmenter in study.datasets[name].segmenters
    ]
    findings = [_finding(study, found) for found in results]
    uncorrected = [
        claim
        for found, finding in zip(results, findings, strict=True)
        for claim in claims(study, found, finding.testable)
    ]
    return Findings(
        epsilon=study.statistics.epsilon,
        resamples=study.statistics.resamples,
        conditional=any(found.seeds == 1 for found in results),
        findings=tuple(findings),
        claims=corrected(uncorrected),
    )


def _finding(study: Study, results: DatasetResults) -> Finding:
    gate = results.gate()
    testable = gate.lower is not None and gate.lower > 0
    return Finding(
        dataset=results.name,
        segmenter=results.segmenter,
        seeds=results.seeds,
        blocks=len(results.positive),
        positive_blocks=int(results.positive.sum()),
        block_px=results.block_px,
        correlation_px=results.correlation_px,
        training_tiles=results.training_tiles,
        codec_training_tiles=dict(results.codec_training_tiles),
        ceiling=results.score(ORIGINAL),
        baseline=results.score(BASELINE),
        gate=gate,
        testable=testable,
        points=tuple(_point(results, point) for point in _points(results)),
        comparisons=tuple(_comparisons(study, results)),
        verdicts=tuple(_verdicts(study, results, testable)),
        checks=checks(study, results, testable),
    )


def _points(results: DatasetResults) -> list[RatePoint]:
    """All maps of coded imagery, and all coded points without maps."""
    maps = [point for point in results.iou if point.codec]
    return [*maps, *(p for p in results.psnr if p not in {point.coded for point in maps})]


def _point(results: DatasetResults, point: RatePoint) -> PointFinding:
    return PointFinding(
        **point._asdict(),
        bpppb=results.rate(point),
        psnr=results.quality(point),
        iou=results.score(point),
        change=results.change(point),
    )


def _comparisons(study: Study, results: DatasetResults) -> Iterator[CodecComparison]:
    """Compare every codec with JPEG 2000 and with JPEG 2000 after a KLT."""
    codecs = list(results.dataset.rates)
    anchors = [
        n for kind in ("jpeg2000", "klt-jpeg2000") for n in of_kind(study, results, kind)[:1]
    ]
    seen = set()
    for regime in REGIMES:
        for anchor in anchors:
            for codec in codecs:
                pair = (regime, *sorted((anchor, codec)))
                retrained = all(results.points(name, "retrained") for name in (anchor, codec))
                if codec == anchor or pair in seen or (regime == "retrained" and not retrained):
                    continue
                seen.add(pair)
                yield compare(results, anchor, codec, regime, study.statistics.epsilon)


def _verdicts(study: Study, results: DatasetResults, testable: bool) -> Iterator[Verdict]:
    for regime in REGIMES:
        for codec in results.dataset.rates:
            if results.points(codec, regime):
                yield verdict(results, codec, regime, study.statistics.epsilon, testable)
