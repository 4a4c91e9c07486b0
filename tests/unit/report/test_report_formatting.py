import pytest
from made_up_findings import about, undefined

from workflow_lib.inference.findings import Claim, Estimate, Measure, Step, Verdict
from workflow_lib.report.formatting import (
    claim_in_words,
    compression,
    difference,
    gate_in_words,
    level,
    name_and_figure,
    p_values,
    verdict_in_words,
)
from workflow_lib.report.summary import summary


def plain(text):
    return text.replace("\N{NO-BREAK SPACE}", " ")


def step(rate, change, passed, needed=None):
    return Step(rate=str(rate), bpppb=rate, change=change, passed=passed, blocks_needed=needed)


def verdict(status, *steps, rate=None):
    last = None if rate is None else float(rate)
    return Verdict(codec="dgml", regime="frozen", status=status, rate=rate, bpppb=last, steps=steps)


@pytest.fixture
def finding(inputs):
    return inputs.findings.findings[0]


def test_a_figure_has_its_interval_and_unit():
    assert plain(level(about(0.5, 0.03125), 3)) == "0.500 [0.469, 0.531]"
    assert plain(difference(about(1.23, 0.36), 2, "dB")) == "+1.23 [0.87, 1.59] dB"
    assert plain(difference(about(-0.01, 0.02), 3)) == "−0.010 [−0.030, 0.010]"


def test_an_undefined_figure_gives_its_reason():
    assert difference(undefined("overlap of 0.8 octaves"), 2) == "undefined: overlap of 0.8 octaves"
    bare = Estimate(value=0.5, reason="a single block with positives")
    assert (
        level(bare, 3, "K")
        == "0.500\N{NO-BREAK SPACE}K (no interval: a single block with positives)"
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("BD-PSNR of dgml − jpeg2000 (dB)", "+1.00 [0.50, 1.50] dB"),
        ("BD-rate of dgml − jpeg2000 (%)", "+1.0 [0.5, 1.5] %"),
        ("BD-IoU of jpeg2000 − dgml", "+1.0000 [0.5000, 1.5000]"),
    ],
)
def test_measures_have_their_own_unit(name, expected):
    shown_name, figure = name_and_figure(Measure(name=name, estimate=about(1.0, 0.5)))
    assert shown_name == name.split(" (")[0]
    assert plain(figure) == expected


def test_compression_is_against_16_bits():
    assert [compression(rate) for rate in (0.2, 0.05, 1.6, 3.2, 0.012)] == [
        "80:1",
        "320:1",
        "10:1",
        "5.0:1",
        "1,333:1",
    ]


def test_a_rate_that_passed_is_the_verdict(finding):
    passed = step(0.4, about(0, 0.001), True), step(0.2, about(-0.004, 0.001), True)
    stop = step(0.1, about(-0.008, 0.01), False, 123.4)
    assert verdict_in_words(verdict("within", *passed, rate="0.2"), finding) == (
        "0.200 bpppb (80:1)",
        "the lowest rate tested",
    )
    answer, note = verdict_in_words(verdict("within", *passed, stop, rate="0.2"), finding)
    assert answer == "0.200 bpppb (80:1)"
    assert "test failed at 0.100 bpppb: would need about 124 blocks, 42 were scored" in note


def test_inconclusive_names_the_number_of_blocks_needed(finding):
    finite = verdict("inconclusive", step(0.4, about(-0.004, 0.01), False, 310.0))
    infinite = verdict("inconclusive", step(0.4, about(-0.02, 0.01), False))
    blind = verdict("inconclusive", step(0.4, Estimate(value=-0.02, reason="one block"), False))
    assert verdict_in_words(finite, finding)[0] == "inconclusive"
    assert "would need about 310 blocks" in verdict_in_words(finite, finding)[1]
    assert "no number of blocks would suffice" in verdict_in_words(infinite, finding)[1]
    assert "no interval, so no test: one block" in verdict_in_words(blind, finding)[1]
    assert "blocks" not in verdict_in_words(blind, finding)[1]


def test_too_few_degrees_of_freedom_need_more_blocks_with_the_class(finding):
    few = verdict("inconclusive", step(0.4, about(-0.001, 0.01), False, 41.2))
    _, note = verdict_in_words(few, finding)
    assert "the normal formula asks for 42 blocks of the 42 scored" in note
    assert "17 with the class give too few degrees of freedom" in note
    assert note.endswith("needs more blocks with the class")


def test_a_noisy_gain_is_not_called_a_loss(finding):
    gain = verdict("inconclusive", step(0.4, about(0.03, 0.1), False))
    note = verdict_in_words(gain, finding)[1]
    assert "IoU gains" in note
    assert "no number" not in note


def test_not_testable_gives_its_reason(finding):
    gate = finding.model_copy(update={"testable": False, "gate": about(0.012, 0.05)})
    assert verdict_in_words(verdict("not testable"), gate)[0] == "not testable"
    assert "IoU +0.012 [−0.038, 0.062]" in plain(gate_in_words(gate))
    unknown = gate.model_copy(update={"gate": undefined("no positives")})
    assert gate_in_words(unknown).endswith("undefined: no positives")


def test_claims_state_the_margins_of_the_study():
    assert "above −0.03" in claim_in_words("H2", 0.03, 0.01)
    assert "below 0.015" in claim_in_words("H3", 0.02, 0.015)
    assert "multi-band" in claim_in_words("H1", 0.02, 0.01)


def test_p_values_are_shown_if_defined(inputs):
    plain_claim = inputs.findings.claims[0]
    both = plain_claim.model_copy(update={"p_support": 0.00001, "p_refute": 0.97})
    assert p_values(plain_claim) == ""
    assert p_values(both) == "p to support < 0.001, p to refute 0.970"


def test_the_summary_lists_verdicts_and_claims(inputs):
    text = plain(summary(inputs.findings))
    assert "fire, jpeg2000: 0.519 bpppb (31:1)" in text
    assert "fire, dgml: inconclusive" in text
    assert "? H1 building against jpeg2000 (frozen): undecided" in text
    assert "BD-PSNR of dgml − jpeg2000 +1.23 [0.87, 1.59] dB" in text
    assert "✓ H2 fire (frozen): supported" in text
    assert "✗ H3 fire (frozen): refuted" in text
    assert "○ H3 building (frozen): not testable (no joint codec)" in text
    supported, not_testable = (
        next(line for line in text.splitlines() if start in line)
        for start in ("✓ H2 fire", "○ H3 building")
    )
    assert supported.endswith("; segmenter 311 training tiles, codec 312")
    assert not_testable.endswith("; segmenter 311 training tiles")
    assert "One seed" in text
    assert all(len(line) < 260 for line in text.splitlines())


def test_the_summary_names_segmenters_and_untestable_datasets(inputs, finding):
    closed = finding.model_copy(update={"testable": False, "gate": about(0.012, 0.05)})
    other = closed.model_copy(update={"segmenter": "other"})
    found = inputs.findings.model_copy(
        update={"findings": (finding, other), "claims": (), "conditional": False}
    )
    text = plain(summary(found))
    assert "fire, unet, jpeg2000: 0.519 bpppb" in text
    assert "fire, other: not testable" in text
    assert "Claims" not in text
    assert "One seed" not in text


def test_the_summary_marks_secondary_claims(inputs):
    second = Claim(**inputs.findings.claims[0].model_dump() | {"primary": False})
    found = inputs.findings.model_copy(update={"claims": (second,)})
    text = summary(found)
    assert "(frozen, secondary)" in text
    assert "training tiles" not in text
