"""Findings of a study: estimates, comparisons, verdicts, claims and checks.

docs/science.md has the formulas.
"""

from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from workflow_lib.config.section import Section
from workflow_lib.errors import DownlinkError

Outcome = Literal["supported", "refuted", "undecided", "not testable"]


class Estimate(Section):
    """A figure with its uncertainty, or the reason why it is undefined.

    Attributes:
        value: the figure; None if it is undefined.
        se: its standard error; None if it is unknown, e.g. with a single block.
        df: Satterthwaite degrees of freedom; None without any variance.
        low, high: two-sided 95 % interval.
        lower, upper: one-sided 95 % bounds (LB, UB).
        reason: why the figure or its uncertainty is undefined, else empty.
    """

    value: float | None = None
    se: float | None = None
    df: float | None = None
    low: float | None = None
    high: float | None = None
    lower: float | None = None
    upper: float | None = None
    reason: str = ""


class PointFinding(Section):
    """Figures of one rate point in one regime, over all scored blocks and seeds.

    Attributes:
        codec, rate, regime, trained_on: see `measure.table.Key`.
        bpppb: actual rate.
        psnr: PSNR in dB; undefined for lossless points.
        iou: IoU of its maps.
        change: IoU minus IoU on originals, paired.
    """

    codec: str
    rate: str
    regime: str
    trained_on: str = ""
    bpppb: float
    psnr: Estimate
    iou: Estimate
    change: Estimate


class CodecComparison(Section):
    """Differences between two codecs over their common rates, codec − anchor.

    Attributes:
        codec, anchor: names of the codecs.
        regime: regime of the maps, "frozen" or "retrained".
        psnr: BD-PSNR in dB.
        rate: BD-rate at equal PSNR in percent; negative is cheaper. The interval is computed in
            log2 rate, hence not symmetric.
        iou: BD-IoU.
        task_rate: BD-rate at equal IoU in percent; negative is cheaper.
    """

    codec: str
    anchor: str
    regime: str
    psnr: Estimate
    rate: Estimate
    iou: Estimate
    task_rate: Estimate


class Step(Section):
    """One test of a fixed sequence.

    Attributes:
        rate: name of the rate point.
        bpppb: its actual rate.
        change: IoU minus IoU on originals.
        passed: whether the loss is below ε at the 5 % level; None if an earlier test failed.
        blocks_needed: after a failure, number of blocks at which the test would pass; None if
            no number of blocks suffices.
    """

    rate: str
    bpppb: float
    change: Estimate
    passed: bool | None
    blocks_needed: float | None = None


class Verdict(Section):
    """Lowest rate of one codec at which maps lose less than ε.

    Attributes:
        codec: name of the codec.
        regime: "frozen" or "retrained".
        status: "within" if some rate passed, "inconclusive" if the first one failed, or
            "not testable".
        rate, bpppb: the last point that passed.
        steps: the tests, from the highest rate down.
    """

    codec: str
    regime: str
    status: Literal["within", "inconclusive", "not testable"]
    rate: str | None = None
    bpppb: float | None = None
    steps: tuple[Step, ...] = ()


class Measure(Section):
    """One figure that decides a claim, e.g. BD-IoU of dgml − jpeg2000."""

    name: str
    estimate: Estimate


class Claim(Section):
    """One of the paper's claims, tested on one dataset.

    Attributes:
        hypothesis: H1, H2 or H3.
        dataset, segmenter: names of the dataset and segmenter.
        against: the anchor codec of H1 and H2, else empty.
        regime: regime of the maps.
        primary: whether the claim belongs to the family of Holm's correction.
        measures: the figures that decide it.
        alone: outcome by its own bounds.
        outcome: outcome after Holm's correction; equal to `alone` for secondary claims.
        p_support, p_refute: one-sided p-values before correction.
        reason: why it is undecided or not testable.
        training_tiles: number of training tiles of the segmenter (mean over folds).
        codec_training_tiles: number of training tiles of the learned codec under test, or None.
    """

    hypothesis: Literal["H1", "H2", "H3"]
    dataset: str
    segmenter: str
    against: str = ""
    regime: str
    primary: bool
    measures: tuple[Measure, ...]
    alone: Outcome
    outcome: Outcome
    p_support: float | None = None
    p_refute: float | None = None
    reason: str = ""
    training_tiles: int
    codec_training_tiles: int | None = None


class FairnessCheck(Section):
    """Computed answer to one question about the fairness of a comparison.

    Attributes:
        question: e.g. "Do rate ranges overlap?".
        fair: whether the comparison is fair in this respect.
        answer: the answer in words and numbers.
    """

    question: str
    fair: bool
    answer: str


class Finding(Section):
    """Findings on one dataset with one segmenter.

    Attributes:
        dataset, segmenter: names of the dataset and segmenter.
        seeds: number of training seeds.
        blocks, positive_blocks: number of resampled blocks, and of those with positives.
        block_px: side of a resampled block in pixels.
        correlation_px: correlation length of the labels in pixels.
        training_tiles: number of training tiles of the segmenters (mean over folds).
        codec_training_tiles: the same for each learned codec.
        ceiling: IoU on originals.
        baseline: IoU of the threshold baseline.
        gate: ceiling − baseline.
        testable: whether the gate's lower bound is above zero.
        points, comparisons, verdicts, checks: see their classes.
    """

    dataset: str
    segmenter: str
    seeds: int
    blocks: int
    positive_blocks: int
    block_px: int
    correlation_px: float
    training_tiles: int
    codec_training_tiles: dict[str, int]
    ceiling: Estimate
    baseline: Estimate
    gate: Estimate
    testable: bool
    points: tuple[PointFinding, ...]
    comparisons: tuple[CodecComparison, ...]
    verdicts: tuple[Verdict, ...]
    checks: tuple[FairnessCheck, ...]


class Findings(Section):
    """All findings of a study.

    Attributes:
        epsilon: the IoU that a map may lose.
        resamples: number of bootstrap resamples.
        conditional: whether intervals are conditional on one training, for lack of seeds.
        findings: findings by dataset and segmenter, in the study's order.
        claims: all claims, primary ones first.
    """

    epsilon: float
    resamples: int
    conditional: bool
    findings: tuple[Finding, ...]
    claims: tuple[Claim, ...]


def read_findings(path: Path) -> Findings:
    """Read the findings of a study from its JSON file.

    Raises:
        DownlinkError: the file is missing or damaged.
    """
    try:
        return Findings.parse(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise DownlinkError(f"{path}: not readable ({error}). Run the study again.") from error
    except ValidationError as error:
        first = error.errors()[0]["msg"]
        raise DownlinkError(
            f"{path}: not a file of findings ({first}). Delete it and run the study again."
        ) from error
