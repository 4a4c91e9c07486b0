"""The page shows findings: intervals, outcomes, verdicts, reasons."""

import io

import pandas as pd
import pytest
from made_up_findings import about, undefined
from reading import changed, claims, first, texts, written

from workflow_lib.inference.findings import Estimate, Measure, Step, Verdict


@pytest.fixture
def render(render, monkeypatch):
    """Render without figures: they take most of the time, and these tests read the text."""
    for figure in ("rate_distortion", "rate_task"):
        monkeypatch.setattr(f"workflow_lib.report.page.{figure}", lambda *_: "")
    return render


def test_the_page_shows_the_intervals_of_the_findings(inputs, page):
    text = texts(page)
    for finding in inputs.findings.findings:
        for level in (finding.ceiling, finding.baseline):
            assert written(level, 3) in text
        for point in finding.points:
            if point.psnr.value is not None and point.regime != "mismatched":
                assert written(point.psnr, 2) in text
            assert written(point.iou, 3) in text
            assert written(point.change, 4, "+") in text
        for comparison in finding.comparisons:
            assert written(comparison.psnr, 2, "+") in text
            assert written(comparison.rate, 1, "+") in text
            assert written(comparison.iou, 4, "+") in text
    for claim in inputs.findings.claims:
        for measure in claim.measures:
            digits = 2 if "PSNR" in measure.name else 4
            assert written(measure.estimate, digits, "+") in text


def test_every_outcome_has_a_mark_and_a_word(inputs, page):
    shown_outcomes = list(claims(page)["outcome"])
    for mark in ("✓ supported", "✗ refuted", "? undecided", "○ not testable"):
        assert mark in shown_outcomes
    assert "✓ supported" in list(claims(page)["alone"])
    assert "no joint codec" in texts(page)


def test_claims_have_a_statement_and_numbers_of_training_tiles(inputs, page):
    text = texts(page)
    margin = inputs.study.statistics.thermal_margin
    assert f"its BD-IoU against the learned codec is above −{margin:g}" in text
    numbers = set(claims(page)["training tiles"].dropna())
    assert numbers >= {"311 segmenter 312 codec", "311 segmenter"}


def test_secondary_claims_are_marked_and_come_last(inputs, render):
    first_claim = inputs.findings.claims[0].model_copy(
        update={"primary": False, "against": "klt-jpeg2000"}
    )
    table = claims(render(changed(inputs, claims=(first_claim,))))
    assert list(table["dataset"].dropna())[-1] == "buildingsecondary"
    assert list(table["against"].dropna())[-1] == "klt-jpeg2000"


def test_a_reason_is_shown_once(inputs, render):
    none = Measure(name="BD-IoU of dgml − jpeg2000", estimate=undefined("two octaves are needed"))
    claim = inputs.findings.claims[0].model_copy(
        update={"measures": (none,), "reason": "two octaves are needed"}
    )
    page = texts(render(changed(inputs, claims=(claim,))))
    assert page.count("two octaves are needed") == 1


def test_a_study_without_claims_says_so(inputs, render):
    page = render(changed(inputs, claims=()))
    assert "No claim was tested" in page
    assert "table-claims" not in page


def test_several_seeds_are_not_called_conditional(inputs, render):
    assert "conditional on one training" not in render(changed(inputs, conditional=False))


def test_verdicts_come_with_their_compression(page):
    text = texts(page)
    assert "0.519 bpppb (31:1) test failed at 0.238 bpppb: no number of blocks would" in text
    assert "inconclusive test failed at 0.593 bpppb" in text


def test_the_test_sequence_is_visible(inputs, page):
    tables = pd.read_html(io.StringIO(page), match="loss below ε = 0.01")
    fire = tables[0]
    own = fire[fire["codec"] == "jpeg2000"]
    outcomes = [str(cell) for cell in own.iloc[:, -1]]
    assert list(own["bpppb"]) == sorted(own["bpppb"], reverse=True)
    assert outcomes[0].startswith("✓ yes, the verdict")
    assert outcomes[1].startswith("✗ test failed")
    assert all("not tested" in outcome for outcome in outcomes[2:])


def test_a_failed_test_names_the_number_of_blocks_needed(inputs, render):
    step = Step(
        rate="0.4", bpppb=0.519, change=about(-0.004, 0.02), passed=False, blocks_needed=309.2
    )
    verdict = Verdict(codec="jpeg2000", regime="frozen", status="inconclusive", steps=(step,))
    text = texts(render(first(inputs, verdicts=(verdict,))))
    assert text.count("would need about 310 blocks, 42 were scored") == 2


def test_a_dataset_that_is_not_testable_says_why(inputs, render):
    none = Verdict(codec="dgml", regime="frozen", status="not testable")
    gate = about(0.012, 0.05)
    page = render(first(inputs, testable=False, gate=gate, verdicts=(none,)))
    assert f"IoU {written(gate, 3, '+')}. Such maps allow no conclusion" in texts(page)
    assert "dgml not testable" in texts(page)


def test_estimates_without_uncertainty_give_their_reason(inputs, render):
    bare = Estimate(value=0.61, reason="a single block with positives")
    text = texts(render(first(inputs, ceiling=bare, baseline=undefined("no label"))))
    assert "0.610 (no interval: a single block with positives)" in text
    assert "undefined: no label" in text


def test_joint_and_mismatched_tables_appear_only_if_the_study_has_them(page):
    fire, building = page.split('<section id="dataset-building"')
    for heading in (
        "Joint optimisation and its control",
        "Trained on one codec, tested on another",
    ):
        assert heading in fire
        assert heading not in building
    assert "jpeg2000 at 0.1" in fire


def test_a_missing_control_is_marked(inputs, render):
    kept = [p for p in inputs.findings.findings[0].points if p.regime != "control"]
    assert "control not part of the study" in texts(render(first(inputs, points=tuple(kept))))


def test_checks_are_marked_by_more_than_colour(page):
    assert 'aria-label="caution">!</span><strong>Is the ceiling weak?</strong>' in page
    assert 'aria-label="fair">✓</span><strong>Do rate ranges overlap?</strong>' in page


def test_undefined_comparisons_give_their_reason(page):
    assert "undefined: overlap of 0.8 octaves, 2 are needed" in page


def test_a_dataset_without_comparisons_says_so(inputs, render):
    assert "No comparison is possible" in render(first(inputs, comparisons=()))
