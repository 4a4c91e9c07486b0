"""Summarise the findings of a study as plain text."""

from workflow_lib.inference.findings import Claim, Finding, Findings
from workflow_lib.report.formatting import (
    MARKS,
    gate_in_words,
    name_and_figure,
    remark,
    trained_on,
    verdict_in_words,
)


def summary(findings: Findings) -> str:
    """Summarise verdicts on frozen maps and outcomes of all claims, for a terminal."""
    lines = [f"Lowest rate whose maps lose less than {findings.epsilon:g} IoU (frozen):"]
    several = len({finding.segmenter for finding in findings.findings}) > 1
    for finding in findings.findings:
        lines += _verdicts(finding, f", {finding.segmenter}" if several else "")
    if findings.claims:
        lines += ["", "Claims, after Holm's correction:"]
        lines += [
            _claim(claim, f", {claim.segmenter}" if several else "") for claim in findings.claims
        ]
    if findings.conditional:
        lines += ["", "One seed: all intervals are conditional on one training."]
    return "\n".join(lines)


def _verdicts(finding: Finding, segmenter: str) -> list[str]:
    name = f"  {finding.dataset}{segmenter}"
    if not finding.testable:
        return [f"{name}: not testable, {gate_in_words(finding)}"]
    lines = []
    for verdict in finding.verdicts:
        if verdict.regime == "frozen":
            answer, note = verdict_in_words(verdict, finding)
            lines.append(f"{name}, {verdict.codec}: {answer}{f'; {note}' if note else ''}")
    return lines


def _claim(claim: Claim, segmenter: str) -> str:
    against = f" against {claim.against}" if claim.against else ""
    secondary = "" if claim.primary else ", secondary"
    figures = "; ".join(" ".join(name_and_figure(measure)) for measure in claim.measures)
    tiles = f"; {trained_on(claim)}" if claim.primary else ""
    why = f" ({remark(claim)})" if remark(claim) else ""
    return (
        f"  {MARKS[claim.outcome]} {claim.hypothesis} {claim.dataset}{segmenter}{against}"
        f" ({claim.regime}{secondary}): {claim.outcome}{why}"
        f"{f'; {figures}' if figures else ''}{tiles}"
    )
