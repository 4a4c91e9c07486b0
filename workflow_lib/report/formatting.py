"""Findings in words and numbers, the same on the page and in the terminal."""

import math
import re
from collections.abc import Mapping

from workflow_lib.inference.findings import (
    Claim,
    Estimate,
    Finding,
    Measure,
    Outcome,
    Step,
    Verdict,
)

MARKS: Mapping[Outcome, str] = {
    "supported": "✓",
    "refuted": "✗",
    "undecided": "?",
    "not testable": "○",
}
"""What tells outcomes apart without colour."""

_JOINED = "\N{NO-BREAK SPACE}"
_BIT_DEPTH = 16


def fixed(value: float, digits: int) -> str:
    """A number with thousands set apart and a true minus; a dash where there is none."""
    if math.isnan(value):
        return "–"
    return "∞" if math.isinf(value) else f"{value:,.{digits}f}".replace("-", "−")


def signed(value: float, digits: int) -> str:
    """The same with its sign."""
    return ("+" if value >= 0 else "") + fixed(value, digits)


def share(part: float, total: float) -> str:
    """Percent of a total; a dash where there is none."""
    return fixed(100 * part / total, 1) if total else "–"


def amount(value: float, unit: str) -> str:
    """A physical value with its unit; that of a ratio, "1", stays unsaid."""
    return f"{value:g}" if unit == "1" else f"{value:g} {unit}"


def count(number: int, one: str) -> str:
    """How many there are of something whose plural ends in s."""
    return f"{number:,} {one}{'s' * (number != 1)}"


def compression(bpppb: float) -> str:
    """16-bit samples over coded bits, e.g. 80:1."""
    ratio = _BIT_DEPTH / bpppb
    return f"{ratio:,.0f}:1" if ratio >= 10 else f"{ratio:.1f}:1"


def level(found: Estimate, digits: int, unit: str = "") -> str:
    """A figure and its interval, e.g. 0.512 [0.481, 0.543], or why there is none."""
    return _told(found, None if found.value is None else fixed(found.value, digits), digits, unit)


def difference(found: Estimate, digits: int, unit: str = "") -> str:
    """A difference, with its sign, and its interval, or why there is none."""
    return _told(found, None if found.value is None else signed(found.value, digits), digits, unit)


def _told(found: Estimate, value: str | None, digits: int, unit: str) -> str:
    if value is None:
        return f"undefined: {found.reason}"
    unit = f"{_JOINED}{unit}" if unit else ""
    if found.low is None or found.high is None:
        return f"{value}{unit} (no interval: {found.reason})"
    return (
        f"{value}{_JOINED}[{fixed(found.low, digits)},{_JOINED}{fixed(found.high, digits)}]{unit}"
    )


def measured(measure: Measure) -> tuple[str, str]:
    """A measure of a claim: its name, and its figure in the unit that ends the name in brackets."""
    parts = re.fullmatch(r"(.*) \((dB|%)\)", measure.name)
    if parts is None:
        return measure.name, difference(measure.estimate, 4)
    digits = {"dB": 2, "%": 1}[parts[2]]
    return parts[1], difference(measure.estimate, digits, parts[2])


def failed(verdict: Verdict) -> Step | None:
    """The test at which a verdict's sequence stopped; None where none failed."""
    return next((step for step in verdict.steps if step.passed is False), None)


def gate_in_words(finding: Finding) -> str:
    """Why nothing can be said of compression from these maps."""
    if finding.gate.value is None:
        return f"whether its maps beat the threshold baseline is undefined: {finding.gate.reason}"
    return (
        "its maps of originals are not shown to beat the threshold baseline, "
        f"IoU {difference(finding.gate, 3)}"
    )


def needed(step: Step, finding: Finding) -> str:
    """How many blocks would show what a failed test did not, or what else it would take."""
    if step.change.value is None or step.change.se is None:
        return f"no test without an interval: {step.change.reason}"
    if step.blocks_needed is None and step.change.value > 0:
        return "a gain as large as ε, but too noisy to exclude a loss: needs more blocks"
    if step.blocks_needed is None:
        return "would need infinitely many blocks"
    blocks = math.ceil(step.blocks_needed)
    if blocks > finding.blocks:
        return f"would need about {count(blocks, 'block')}, {finding.blocks:,} were scored"
    return (
        f"{count(blocks, 'block')} of the {finding.blocks:,} scored would do by the normal formula,"
        f" but the {finding.positive_blocks:,} with the class leave too few degrees of freedom: "
        "needs more blocks with the class"
    )


def verdict_in_words(verdict: Verdict, finding: Finding) -> tuple[str, str]:
    """How far a codec may go: the answer, and what there is to say beside it."""
    if verdict.status == "not testable":
        return "not testable", "" if not finding.testable else "no rate point could be tested"
    stop = failed(verdict)
    beside = (
        "the lowest rate tried"
        if stop is None
        else f"not shown at {fixed(stop.bpppb, 3)} bpppb: {needed(stop, finding)}"
    )
    if verdict.bpppb is None:
        return "inconclusive", beside
    lossless = "lossless, " if verdict.rate == "lossless" else ""
    return f"{fixed(verdict.bpppb, 3)} bpppb ({lossless}{compression(verdict.bpppb)})", beside


def remark(claim: Claim) -> str:
    """Why a claim is undecided or not testable, where its measures do not say so already."""
    said = "; ".join(measure.estimate.reason for measure in claim.measures)
    return "" if claim.reason in said else claim.reason


def trained_on(claim: Claim) -> str:
    """How many tiles a claim's segmenter and learned codec were trained on."""
    segmenter = f"segmenter {count(claim.training_tiles, 'training tile')}"
    if claim.codec_training_tiles is None:
        return segmenter
    return f"{segmenter}, codec {claim.codec_training_tiles:,}"


def p_values(claim: Claim) -> str:
    """A claim's one-sided p-values before correction, where it has any."""
    told = (("support", claim.p_support), ("refute", claim.p_refute))
    return ", ".join(f"p to {word} {_probability(p)}" for word, p in told if p is not None)


def _probability(p: float) -> str:
    return "< 0.001" if p < 0.001 else fixed(p, 3)


def claim_in_words(hypothesis: str, thermal_margin: float, joint_margin: float) -> str:
    """What one of the paper's claims says, as this study tests it."""
    return {
        "H1": "On multi-band imagery the learned codec beats the classical one, in PSNR and in "
        "segmentation: BD-PSNR and BD-IoU both above 0.",
        "H2": "On thermal imagery JPEG 2000 stays competitive: its BD-IoU is above "
        f"−{thermal_margin:g} against the learned codec.",
        "H3": "Optimising codec and segmenter jointly does not beat optimising them apart: the "
        f"gain in IoU, at the same rate, is below {joint_margin:g}.",
    }[hypothesis]
