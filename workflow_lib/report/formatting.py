"""Format findings as text, for the report and for the terminal."""

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
"""Marks that distinguish outcomes without colour."""

_JOINED = "\N{NO-BREAK SPACE}"
_BIT_DEPTH = 16


def fixed(value: float, digits: int) -> str:
    """Format a number with thousands separators and a minus sign; nan becomes a dash."""
    if math.isnan(value):
        return "–"
    return "∞" if math.isinf(value) else f"{value:,.{digits}f}".replace("-", "−")


def signed(value: float, digits: int) -> str:
    """Format a number like `fixed`, with its sign."""
    return ("+" if value >= 0 else "") + fixed(value, digits)


def share(part: float, total: float) -> str:
    """Format a share of a total in percent; a dash if the total is 0."""
    return fixed(100 * part / total, 1) if total else "–"


def amount(value: float, unit: str) -> str:
    """Format a physical value with its unit; the unit "1" is omitted."""
    return f"{value:g}" if unit == "1" else f"{value:g} {unit}"


def count(number: int, one: str) -> str:
    """Format a number of things, e.g. "1 block" or "2 blocks"."""
    return f"{number:,} {one}{'s' * (number != 1)}"


def compression(bpppb: float) -> str:
    """Format the compression ratio against 16-bit samples, e.g. 80:1."""
    ratio = _BIT_DEPTH / bpppb
    return f"{ratio:,.0f}:1" if ratio >= 10 else f"{ratio:.1f}:1"


def level(found: Estimate, digits: int, unit: str = "") -> str:
    """Format a figure and its interval, e.g. 0.512 [0.481, 0.543], or why it is undefined."""
    return _with_interval(
        found, None if found.value is None else fixed(found.value, digits), digits, unit
    )


def difference(found: Estimate, digits: int, unit: str = "") -> str:
    """Format a signed difference and its interval, or why it is undefined."""
    return _with_interval(
        found, None if found.value is None else signed(found.value, digits), digits, unit
    )


def _with_interval(found: Estimate, value: str | None, digits: int, unit: str) -> str:
    if value is None:
        return f"undefined: {found.reason}"
    unit = f"{_JOINED}{unit}" if unit else ""
    if found.low is None or found.high is None:
        return f"{value}{unit} (no interval: {found.reason})"
    return (
        f"{value}{_JOINED}[{fixed(found.low, digits)},{_JOINED}{fixed(found.high, digits)}]{unit}"
    )


def name_and_figure(measure: Measure) -> tuple[str, str]:
    """Split a measure of a claim into its name and its formatted figure.

    A unit in brackets at the end of the name moves to the figure.
    """
    parts = re.fullmatch(r"(.*) \((dB|%)\)", measure.name)
    if parts is None:
        return measure.name, difference(measure.estimate, 4)
    digits = {"dB": 2, "%": 1}[parts[2]]
    return parts[1], difference(measure.estimate, digits, parts[2])


def failed_step(verdict: Verdict) -> Step | None:
    """Find the failed test of a verdict's sequence; None if no test failed."""
    return next((step for step in verdict.steps if step.passed is False), None)


def gate_in_words(finding: Finding) -> str:
    """Explain why a dataset is not testable."""
    if finding.gate.value is None:
        return f"the lead over the threshold baseline is undefined: {finding.gate.reason}"
    return (
        "maps of originals are not significantly better than the threshold baseline, "
        f"difference in IoU {difference(finding.gate, 3)}"
    )


def blocks_needed(step: Step, finding: Finding) -> str:
    """Say how many blocks a failed test would need to pass, or what else it lacks."""
    if step.change.value is None or step.change.se is None:
        return f"no interval, so no test: {step.change.reason}"
    if step.blocks_needed is None and step.change.value > 0:
        return "IoU gains at least ε, but noise does not exclude a loss: needs more blocks"
    if step.blocks_needed is None:
        return "no number of blocks would suffice, the loss is at least ε"
    blocks = math.ceil(step.blocks_needed)
    if blocks > finding.blocks:
        return f"would need about {count(blocks, 'block')}, {finding.blocks:,} were scored"
    return (
        f"the normal formula asks for {count(blocks, 'block')} of the {finding.blocks:,} scored, "
        f"but {finding.positive_blocks:,} with the class give too few degrees of freedom: "
        "needs more blocks with the class"
    )


def verdict_in_words(verdict: Verdict, finding: Finding) -> tuple[str, str]:
    """State a verdict: the lowest rate within ε, and a remark that may be empty."""
    if verdict.status == "not testable":
        return "not testable", "" if not finding.testable else "no rate point could be tested"
    stop = failed_step(verdict)
    note = (
        "the lowest rate tested"
        if stop is None
        else f"test failed at {fixed(stop.bpppb, 3)} bpppb: {blocks_needed(stop, finding)}"
    )
    if verdict.bpppb is None:
        return "inconclusive", note
    lossless = "lossless, " if verdict.rate == "lossless" else ""
    return f"{fixed(verdict.bpppb, 3)} bpppb ({lossless}{compression(verdict.bpppb)})", note


def remark(claim: Claim) -> str:
    """Reason why a claim is undecided or not testable, unless its measures already give it."""
    given = "; ".join(measure.estimate.reason for measure in claim.measures)
    return "" if claim.reason in given else claim.reason


def trained_on(claim: Claim) -> str:
    """Numbers of training tiles of a claim's segmenter and learned codec."""
    segmenter = f"segmenter {count(claim.training_tiles, 'training tile')}"
    if claim.codec_training_tiles is None:
        return segmenter
    return f"{segmenter}, codec {claim.codec_training_tiles:,}"


def p_values(claim: Claim) -> str:
    """A claim's one-sided p-values before correction; empty if it has none."""
    tests = (("support", claim.p_support), ("refute", claim.p_refute))
    return ", ".join(f"p to {test} {_probability(p)}" for test, p in tests if p is not None)


def _probability(p: float) -> str:
    return "< 0.001" if p < 0.001 else fixed(p, 3)


def claim_in_words(hypothesis: str, thermal_margin: float, joint_margin: float) -> str:
    """State one of the paper's claims as this study tests it."""
    return {
        "H1": "On multi-band imagery the learned codec is better than the classical one in PSNR "
        "and in segmentation: BD-PSNR and BD-IoU are both above 0.",
        "H2": "On thermal imagery JPEG 2000 remains competitive: its BD-IoU against the learned "
        f"codec is above −{thermal_margin:g}.",
        "H3": "Joint optimisation of codec and segmenter is not better than separate "
        f"optimisation: the gain in IoU at equal rate is below {joint_margin:g}.",
    }[hypothesis]
