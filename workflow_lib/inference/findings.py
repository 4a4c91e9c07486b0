"""What a study says: estimates, comparisons, verdicts, claims and checks. Docs: docs/science.md."""

from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from workflow_lib.config.section import Section
from workflow_lib.errors import DownlinkError

Outcome = Literal["supported", "refuted", "undecided", "not testable"]


class Estimate(Section):
    """A figure with its uncertainty; all None, with the reason, where it is undefined.

    Attributes:
        value: the figure.
        se: its standard error; None with a value where one cannot be had (a single block).
        df: Satterthwaite degrees of freedom.
        low, high: two-sided 95 % interval.
        lower, upper: one-sided 95 % bounds (LB, UB), each by itself.
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
    """One rate point in one regime, over all scored blocks and seeds.

    Attributes:
        codec, rate, regime, trained_on: see `measure.table.Key`.
        bpppb: actual rate.
        psnr: dB; undefined without loss.
        iou: of its maps.
        change: IoU minus that on originals, paired.
    """

    codec: str
    rate: str
    regime: str
    trained_on: str = ""
    bpppb: float
    psnr: Estimate
    iou: Estimate
    change: Estimate


class Comparison(Section):
    """One codec against another over their common rates.

    Attributes:
        codec, anchor: the difference is codec − anchor.
        regime: of the maps, "frozen" or "retrained".
        psnr: BD-PSNR, dB.
        rate: BD-rate at equal PSNR, percent; negative is cheaper. Its interval is that of log2
            rate, hence not symmetric.
        iou: BD-IoU.
        task_rate: BD-rate at equal IoU, percent, likewise.
    """

    codec: str
    anchor: str
    regime: str
    psnr: Estimate
    rate: Estimate
    iou: Estimate
    task_rate: Estimate


class Step(Section):
    """One test of the fixed sequence.

    Attributes:
        rate: the rate point.
        bpppb: its actual rate.
        change: IoU minus that on originals.
        passed: whether the loss is below ε at 5 %; None where the sequence stopped before.
        blocks_needed: blocks that would show it, on failure; None stands for infinitely many.
    """

    rate: str
    bpppb: float
    change: Estimate
    passed: bool | None
    blocks_needed: float | None = None


class Verdict(Section):
    """How far one codec may go on one dataset.

    Attributes:
        codec: its name.
        regime: "frozen" or "retrained".
        status: "within" where some rate passed, "inconclusive" where the first one failed, or
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
    """One figure that a claim rests on, e.g. BD-IoU of dgml − jpeg2000."""

    name: str
    estimate: Estimate


class Claim(Section):
    """One of the paper's claims on one dataset.

    Attributes:
        hypothesis: H1, H2 or H3.
        dataset, segmenter: what it was tested on.
        against: the anchor codec of H1 and H2, else empty.
        regime: of the maps.
        primary: member of the family that Holm's correction is over.
        measures: what it rests on.
        alone: outcome by its own bounds.
        outcome: outcome after Holm's correction; that of claims beside the family is `alone`.
        p_support, p_refute: one-sided p-values before correction.
        reason: why it is undecided or not testable.
        training_tiles: tiles that the segmenter was trained on (mean over folds).
        codec_training_tiles: the same of the learned codec that it is about; None where there is
            none.
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


class Check(Section):
    """One computed answer to a question of fairness.

    Attributes:
        question: what is asked, e.g. "Do rate ranges overlap?".
        fair: whether the answer is no cause for caution.
        answer: in words and numbers.
    """

    question: str
    fair: bool
    answer: str


class Finding(Section):
    """What was found on one dataset with one segmenter.

    Attributes:
        dataset, segmenter, seeds: what was scored.
        blocks, positive_blocks: resampled units, and those that hold the class.
        block_px: side of a unit in pixels.
        correlation_px: correlation length of the labels in pixels.
        training_tiles: tiles the segmenters were trained on (mean over folds).
        codec_training_tiles: the same of each learned codec.
        ceiling: IoU on originals.
        baseline: IoU of the threshold baseline.
        gate: ceiling − baseline.
        testable: whether the gate's lower bound is above zero.
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
    comparisons: tuple[Comparison, ...]
    verdicts: tuple[Verdict, ...]
    checks: tuple[Check, ...]


class Findings(Section):
    """What the study found.

    Attributes:
        epsilon: IoU that a map may lose.
        resamples: of the bootstrap.
        conditional: one seed: intervals are conditional on one training.
        findings: by dataset and segmenter, in the study's order.
        claims: all claims, primary ones first.
    """

    epsilon: float
    resamples: int
    conditional: bool
    findings: tuple[Finding, ...]
    claims: tuple[Claim, ...]


def read_findings(path: Path) -> Findings:
    """The findings that a study wrote.

    Raises:
        DownlinkError: the file is missing or damaged.
    """
    try:
        return Findings.parse(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise DownlinkError(f"{path}: unreadable ({error}). Run the study again.") from error
    except ValidationError as error:
        first = error.errors()[0]["msg"]
        raise DownlinkError(
            f"{path}: holds no findings ({first}). Delete it and run the study again."
        ) from error
