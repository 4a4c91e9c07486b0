"""What a study says."""

from collections.abc import Iterator

import pandas as pd

from workflow_lib.config.study import Study
from workflow_lib.metrics.claims import claims, of_kind
from workflow_lib.metrics.comparisons import compare
from workflow_lib.metrics.evidence import Evidence
from workflow_lib.metrics.fairness import checks
from workflow_lib.metrics.family import corrected
from workflow_lib.metrics.findings import Comparison, Finding, Findings, PointFinding, Verdict
from workflow_lib.metrics.gather import gather
from workflow_lib.metrics.points import ORIGINAL, TRIVIAL, Point
from workflow_lib.metrics.verdict import verdict

REGIMES = ("frozen", "retrained")
"""Regimes in which codecs are compared and verdicts passed; the first one is primary."""


def judge(study: Study, table: pd.DataFrame) -> Findings:
    """Estimates, comparisons, verdicts, claims and checks of all datasets that were run.

    Args:
        study: the study.
        table: its tidy table, see `metrics.table`.

    Raises:
        DownlinkError: the table lacks what the study names.
    """
    evidence = [
        gather(study, table, name, segmenter)
        for name in study.run
        for segmenter in study.datasets[name].segmenters
    ]
    findings = [_finding(study, found) for found in evidence]
    made = [
        claim
        for found, finding in zip(evidence, findings, strict=True)
        for claim in claims(study, found, finding.testable)
    ]
    return Findings(
        epsilon=study.statistics.epsilon,
        resamples=study.statistics.resamples,
        conditional=any(found.seeds == 1 for found in evidence),
        findings=tuple(findings),
        claims=corrected(made),
    )


def _finding(study: Study, evidence: Evidence) -> Finding:
    gate = evidence.gate()
    testable = gate.lower is not None and gate.lower > 0
    return Finding(
        dataset=evidence.name,
        segmenter=evidence.segmenter,
        seeds=evidence.seeds,
        blocks=len(evidence.positive),
        positive_blocks=int(evidence.positive.sum()),
        block_px=evidence.block_px,
        correlation_px=evidence.correlation_px,
        training_tiles=evidence.training_tiles,
        codec_training_tiles=dict(evidence.codec_training_tiles),
        ceiling=evidence.score(ORIGINAL),
        trivial=evidence.score(TRIVIAL),
        gate=gate,
        testable=testable,
        points=tuple(_point(evidence, point) for point in _points(evidence)),
        comparisons=tuple(_comparisons(study, evidence)),
        verdicts=tuple(_verdicts(study, evidence, testable)),
        checks=checks(study, evidence, testable),
    )


def _points(evidence: Evidence) -> list[Point]:
    """All maps of coded imagery, and coded points of which there is none."""
    maps = [point for point in evidence.iou if point.codec]
    return [*maps, *(p for p in evidence.psnr if p not in {point.coded for point in maps})]


def _point(evidence: Evidence, point: Point) -> PointFinding:
    return PointFinding(
        **point._asdict(),
        bpppb=evidence.rate(point),
        psnr=evidence.quality(point),
        iou=evidence.score(point),
        change=evidence.change(point),
    )


def _comparisons(study: Study, evidence: Evidence) -> Iterator[Comparison]:
    """Every codec against JPEG 2000 and against JPEG 2000 after a KLT."""
    codecs = list(evidence.dataset.rates)
    anchors = [
        n for kind in ("jpeg2000", "klt-jpeg2000") for n in of_kind(study, evidence, kind)[:1]
    ]
    seen = set()
    for regime in REGIMES:
        for anchor in anchors:
            for codec in codecs:
                pair = (regime, *sorted((anchor, codec)))
                retrained = all(evidence.points(name, "retrained") for name in (anchor, codec))
                if codec == anchor or pair in seen or (regime == "retrained" and not retrained):
                    continue
                seen.add(pair)
                yield compare(evidence, anchor, codec, regime, study.statistics.epsilon)


def _verdicts(study: Study, evidence: Evidence, testable: bool) -> Iterator[Verdict]:
    for regime in REGIMES:
        for codec in evidence.dataset.rates:
            if evidence.points(codec, regime):
                yield verdict(evidence, codec, regime, study.statistics.epsilon, testable)
