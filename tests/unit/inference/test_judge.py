"""`judge` recovers the truth of generated studies."""

import numpy as np
import pytest
from planted import (
    LOSSY,
    OPTICAL,
    RATES,
    Truth,
    dataset,
    judged,
    saturating,
)

from workflow_lib.inference.findings import Findings

WITH_KLT = {"jpeg2000": [*LOSSY, "lossless"], "klt-jpeg2000": LOSSY, "dgml": LOSSY}
ALL = {"retrained": "all", "joint": {"dgml": [0.1, 0.2]}}


def claim(findings, hypothesis, regime=None, against=None):
    found = [
        c
        for c in findings.claims
        if c.hypothesis == hypothesis
        and regime in (None, c.regime)
        and against in (None, c.against)
    ]
    return found[0]


def better(by, codec="dgml"):
    """Truth in which `codec` is better by a constant IoU and by 3 dB."""
    return {
        "iou": lambda p: saturating(p) + by * (p.codec == codec),
        "psnr": lambda p: 60 + 5 * np.log2(RATES[p.rate]) + 3 * (p.codec == codec),
    }


def test_a_better_codec_supports_h1():
    truth = Truth(**better(0.03))
    found = judged({"seeds": (0, 1)}, optical=(dataset(**OPTICAL, rates=WITH_KLT), truth))
    h1 = claim(found, "H1", against="jpeg2000")
    psnr, iou = (measure.estimate for measure in h1.measures)
    assert (h1.alone, h1.outcome, h1.primary) == ("supported", "supported", True)
    assert psnr.low < 3 < psnr.high
    assert iou.low < 0.03 < iou.high
    beside = claim(found, "H1", against="klt-jpeg2000")
    assert (beside.outcome, beside.primary) == ("supported", False)
    comparison = found.findings[0].comparisons[1]
    assert (comparison.codec, comparison.anchor) == ("dgml", "jpeg2000")
    # doubling the rate gains 5 dB, so 3 dB save a factor of 2 ** -0.6
    assert comparison.rate.low < 100 * (2**-0.6 - 1) < comparison.rate.high


def test_a_better_codec_passes_at_a_lower_rate():
    # jpeg2000 loses no IoU at 0.2 and above, dgml not even at 0.05
    def iou(point):
        return 0.5 if point.codec == "jpeg2000" and RATES[point.rate] < 0.2 else 0.7

    found = judged({"seeds": (0, 1)}, fire=(dataset(), Truth(iou=iou, noise=0.004)))
    jpeg2000, dgml = found.findings[0].verdicts
    assert (jpeg2000.status, jpeg2000.rate) == ("within", "0.2")
    assert [step.passed for step in jpeg2000.steps] == [True, True, True, False, None]
    assert [step.rate for step in jpeg2000.steps] == ["lossless", "0.4", "0.2", "0.1", "0.05"]
    assert (dgml.status, dgml.rate) == ("within", "0.05")
    assert jpeg2000.steps[3].blocks_needed is None


def test_lossless_maps_do_not_change():
    found = judged({}, fire=(dataset(), Truth(noise=0.2)))
    first = found.findings[0].verdicts[0].steps[0]
    assert (first.rate, first.passed) == ("lossless", True)
    assert (first.change.value, first.change.lower, first.change.upper) == (0, 0, 0)
    point = next(p for p in found.findings[0].points if p.rate == "lossless")
    assert (point.psnr.value, bool(point.psnr.reason)) == (None, True)


@pytest.mark.parametrize(("blocks", "answer"), [(80, "supported"), (5, "undecided")])
def test_equal_codecs_need_many_blocks_to_support_h2_and_h3(blocks, answer):
    truth = Truth(blocks=blocks, positive=blocks - 2, noise=0.03)
    found = judged(
        {"seeds": (0, 1)},
        thermal=(dataset(regimes={"joint": {"dgml": [0.1]}}), truth),
        optical=(dataset(**OPTICAL, regimes={"joint": {"dgml": [0.1]}}), truth),
    )
    assert claim(found, "H1").outcome == "undecided"
    assert claim(found, "H2").outcome == answer
    assert {c.outcome for c in found.claims if c.hypothesis == "H3"} == {answer}
    assert not found.conditional


def test_h2_is_refuted_if_the_learned_codec_is_far_better():
    found = judged({}, thermal=(dataset(), Truth(**better(0.06))))
    assert claim(found, "H2").outcome == "refuted"
    assert claim(found, "H2").measures[0].estimate.value == pytest.approx(-0.06, abs=0.01)
    assert found.conditional


def test_one_of_two_measures_refutes_h1():
    def psnr(point):
        return 60 + 5 * np.log2(RATES[point.rate]) + 3 * (point.codec == "dgml")

    iou = better(-0.03)["iou"]
    found = judged({}, optical=(dataset(**OPTICAL), Truth(iou=iou, psnr=psnr)))
    assert claim(found, "H1").outcome == "refuted"


@pytest.mark.parametrize(("by", "answer"), [(-3, "refuted"), (3, "undecided")])
def test_an_undefined_measure_prevents_support_but_not_refutation(by, answer):
    # maps at two rates are too few for a curve
    config = dataset(**OPTICAL, regimes={"frozen": {"jpeg2000": "all", "dgml": [0.1, 0.2]}})
    psnr = {"psnr": lambda p: 60 + 5 * np.log2(RATES[p.rate]) + by * (p.codec == "dgml")}
    h1 = claim(judged({}, optical=(config, Truth(**psnr))), "H1")
    assert h1.measures[1].estimate.value is None
    assert (h1.alone, h1.outcome, h1.p_support) == (answer, answer, None)
    assert "lossy points" in h1.reason


def test_gain_of_joint_training_is_estimated_at_its_own_rate():
    # joint needs 1.9 times the bits of its control on the same curve: no gain at equal rate
    def bpppb(point):
        return RATES[point.rate] * (1.9 if point.regime == "joint" else 1)

    def iou(point, gain):
        return 0.7 - 0.004 / bpppb(point) + gain * (point.regime == "joint")

    config = dataset(regimes={"joint": {"dgml": [0.1]}})
    for gain, answer in ((0.0, "supported"), (0.04, "refuted")):
        truth = Truth(iou=lambda p, gain=gain: iou(p, gain), bpppb=bpppb, noise=0.003)
        h3 = claim(judged({"seeds": (0, 1)}, thermal=(config, truth)), "H3")
        assert h3.outcome == answer
        assert h3.measures[0].estimate.value == pytest.approx(gain, abs=0.005)


def test_joint_beyond_the_frozen_curve_is_undecided():
    def bpppb(point):
        return RATES[point.rate] * (9 if point.regime == "joint" else 1)

    config = dataset(regimes={"joint": {"dgml": [0.1]}})
    h3 = claim(judged({}, thermal=(config, Truth(bpppb=bpppb))), "H3")
    assert (h3.outcome, h3.measures[0].estimate.value) == ("undecided", None)
    assert "does not reach" in h3.reason


def test_joint_beyond_the_frozen_curve_at_one_point_is_undecided():
    # joint gains nothing within the curve's rates; beyond them its gain is unknown
    def bpppb(point):
        return RATES[point.rate] * (9 if (point.rate, point.regime) == ("0.2", "joint") else 1)

    config = dataset(regimes={"joint": {"dgml": [0.1, 0.2]}})
    h3 = claim(judged({}, thermal=(config, Truth(bpppb=bpppb))), "H3")
    assert (h3.outcome, h3.measures[0].estimate.value) == ("undecided", None)
    assert h3.reason.endswith("that of joint: dgml at 0.2")
    assert h3.measures[0].name.endswith("dgml at 0.1, dgml at 0.2")


def test_joint_that_was_not_run_is_undecided():
    h3 = claim(judged({}, thermal=(dataset(), Truth())), "H3")
    assert (h3.outcome, h3.reason) == ("undecided", "joint was not run")


def test_a_weak_ceiling_makes_all_claims_untestable():
    truth = Truth(ceiling=0.2, iou=lambda p: 0.2)
    found = judged({}, optical=(dataset(**OPTICAL, regimes=ALL), truth))
    assert not found.findings[0].testable
    assert {c.outcome for c in found.claims} == {"not testable"}
    assert {v.status for v in found.findings[0].verdicts} == {"not testable"}
    assert {s.passed for v in found.findings[0].verdicts for s in v.steps} == {None}
    ceiling = next(c for c in found.findings[0].checks if "strong enough" in c.question)
    assert not ceiling.fair


@pytest.mark.parametrize(("blocks", "positive"), [(1, 1), (2, 1), (12, 1), (1, 0), (12, 0)])
def test_few_blocks_with_positives_never_support_a_claim(blocks, positive):
    truth = Truth(blocks=blocks, positive=positive, **better(0.3))
    found = judged({}, optical=(dataset(**OPTICAL, regimes=ALL), truth))
    assert not {c.outcome for c in found.claims} & {"supported", "refuted"}
    assert Findings.parse(found.canonical()) == found


def test_images_are_compared_even_with_one_positive_block():
    truth = Truth(blocks=12, positive=1, **better(0))
    (finding,) = judged({}, optical=(dataset(**OPTICAL), truth)).findings
    (comparison,) = finding.comparisons
    assert comparison.psnr.low < 3 < comparison.psnr.high
    assert comparison.rate.low < 100 * (2**-0.6 - 1) < comparison.rate.high
    assert (comparison.iou.se, finding.ceiling.se) == (None, None)
    assert all(p.psnr.df == 10 for p in finding.points if p.psnr.value is not None)


def test_many_claims_make_a_borderline_one_undecided():
    def found(*names):
        # 0.01 better, at a standard error of about 0.005
        truth = Truth(noise=0.035, between_seeds=0, **better(0.012))
        level = Truth(noise=0.035, between_seeds=0, **better(0))
        truths = {name: truth if name == "first" else level for name in names}
        return judged({}, 3, **{name: (dataset(**OPTICAL), truths[name]) for name in names})

    alone = claim(found("first"), "H1")
    among = claim(found("first", "second", "third"), "H1")
    assert (alone.alone, alone.outcome) == ("supported", "supported")
    assert 0.05 / 3 < alone.p_support < 0.05
    assert (among.alone, among.outcome) == ("supported", "undecided")
    assert among.p_support == alone.p_support


def test_primary_claims_come_first():
    found = judged(
        {},
        a=(dataset(**OPTICAL, regimes=ALL, rates=WITH_KLT), Truth()),
        b=(dataset(), Truth()),
    )
    primary = [c.primary for c in found.claims]
    assert primary == sorted(primary, reverse=True)
    assert [(c.hypothesis, c.dataset) for c in found.claims if c.primary] == [
        ("H1", "a"),
        ("H3", "a"),
        ("H2", "b"),
        ("H3", "b"),
    ]


def test_claims_give_the_number_of_training_tiles():
    regimes = {"joint": {"dgml": [0.1]}}
    found = judged(
        {}, a=(dataset(regimes=regimes), Truth()), b=(dataset(rates={"jpeg2000": LOSSY}), Truth())
    )
    tiles = {
        (c.dataset, c.hypothesis): (c.training_tiles, c.codec_training_tiles)
        for c in found.claims
        if c.primary
    }
    assert tiles == {
        ("a", "H2"): (21, 24),
        ("a", "H3"): (21, 24),
        ("b", "H2"): (21, None),
        ("b", "H3"): (21, None),
    }
