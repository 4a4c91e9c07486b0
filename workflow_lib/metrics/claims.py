"""The paper's three claims as hypotheses; see docs/science.md.

Mollière et al., "Learned Image Compression for Earth Observation: Implications for Downstream
Segmentation Tasks", arXiv 2512.01788.
"""

from dataclasses import dataclass

from workflow_lib.config.codecs import Learned
from workflow_lib.config.study import Study
from workflow_lib.metrics.comparisons import bd_iou, bd_psnr
from workflow_lib.metrics.evidence import Evidence
from workflow_lib.metrics.findings import Claim, Estimate, Measure, Outcome
from workflow_lib.metrics.intervals import p_above, p_below
from workflow_lib.metrics.joint import joint_gain
from workflow_lib.metrics.points import Point
from workflow_lib.metrics.replicates import Replicates

THERMAL_UNIT = "K"
"""Physical unit by which thermal data are known."""


def of_kind(study: Study, dataset: str, kind: str) -> list[str]:
    """The codecs of one kind that a dataset is coded with."""
    return [name for name in study.datasets[dataset].rates if study.codecs[name].kind == kind]


def learned(study: Study, dataset: str) -> list[str]:
    """The codecs whose claims are tested: those of kind dgml, else the first learned one."""
    all_learned = [n for n in study.datasets[dataset].rates if isinstance(study.codecs[n], Learned)]
    return of_kind(study, dataset, "dgml") or all_learned[:1]


def claims(study: Study, evidence: Evidence, testable: bool) -> list[Claim]:
    """All claims on one dataset and segmenter, by their own bounds alone.

    Args:
        study: for kinds of codecs and margins.
        evidence: of the dataset and segmenter.
        testable: whether the maps of originals are better than trivial ones.
    """
    dataset = evidence.dataset
    found = []
    for regime in ("frozen", "retrained"):
        if len(dataset.bands) > 1:
            found += _h1(study, evidence, regime)
        if dataset.quantity.unit == THERMAL_UNIT:
            found += _h2(study, evidence, regime)
    found.append(_h3(study, evidence))
    return [claim if testable else _untestable(claim) for claim in found]
