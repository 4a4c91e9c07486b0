"""Planted truths, through the whole of `judge`."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import LOSSY, RATES, Truth, dataset, saturating, study, table

from workflow_lib.config.statistics import Statistics
from workflow_lib.errors import DownlinkError
from workflow_lib.metrics import table as tables
from workflow_lib.metrics.comparisons import in_percent
from workflow_lib.metrics.findings import Estimate, Findings
from workflow_lib.metrics.judge import judge

OPTICAL = {"bands": 2, "unit": "1"}
WITH_KLT = {"jpeg2000": [*LOSSY, "lossless"], "klt-jpeg2000": LOSSY, "dgml": LOSSY}
ALL = {"retrained": "all", "joint": {"dgml": [0.1, 0.2]}}


def judged(planted, *draw, **datasets):
    """What is found on datasets, given as (configuration, truth)."""
    configured = study(**planted, **{name: config for name, (config, _) in datasets.items()})
    rows = [table(configured, name, truth, *draw) for name, (_, truth) in datasets.items()]
    return judge(configured, tables.join(rows))


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
    """`codec` better by a constant IoU, and by 3 dB."""
    return {
        "iou": lambda p: saturating(p) + by * (p.codec == codec),
        "psnr": lambda p: 60 + 5 * np.log2(RATES[p.rate]) + 3 * (p.codec == codec),
    }


def test_a_better_codec_is_found_to_be_better():
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
    # 5 dB for twice the rate: 3 dB are worth 2 ** -0.6
    assert comparison.rate.low < 100 * (2**-0.6 - 1) < comparison.rate.high


def half_the_rate(point):
    """IoU that rises by 0.05 with every octave of rate, of which dgml needs one less."""
    return 0.3 + 0.05 * (np.log2(RATES[point.rate] / 0.025) + (point.codec == "dgml"))


def task_rate(ceiling, trivial=0.2, noise=0.01):
    """BD-rate at equal IoU where the curves share 0.35 to 0.55, four octaves."""
    rates = {codec: [0.025, *LOSSY, 0.8] for codec in ("jpeg2000", "dgml")}
    levels = {"ceiling": ceiling, "trivial": trivial, "noise": noise}
    truth = Truth(iou=half_the_rate, between_seeds=0.001, **levels)
    found = judged({"seeds": (0, 1)}, thermal=(dataset(rates=rates), truth))
    return found.findings[0].comparisons[0].task_rate


@pytest.mark.parametrize(("ceiling", "trivial"), [(0.7, 0.2), (0.51, 0.2), (0.7, 0.4)])
def test_the_rate_that_a_task_needs_is_found(ceiling, trivial):
    found = task_rate(ceiling, trivial)
    assert found.value == pytest.approx(-50, abs=4)
    assert found.low < -50 < found.high < 0
    assert found.se > 0


@pytest.mark.parametrize(("ceiling", "trivial"), [(0.41, 0.2), (0.7, 0.5)])
def test_the_rate_that_a_task_needs_is_undefined_where_one_octave_is_left(ceiling, trivial):
    found = task_rate(ceiling, trivial)  # less epsilon of 0.01
    assert (found.value, found.se) == (None, None)
    assert "octaves of rate, 2 are needed" in found.reason


def test_no_interval_of_a_rate_passes_minus_100_percent():
    found = task_rate(0.7, noise=0.06)
    assert found.value is not None
    assert -100 < found.low < found.lower < found.value < found.upper < found.high
    # even in log rate, hence not in percent
    middle = (1 + found.low / 100) * (1 + found.high / 100)
    assert middle == pytest.approx((1 + found.value / 100) ** 2)


@settings(max_examples=50, deadline=None)
@given(st.floats(-12, 12), st.floats(0, 5))
def test_rates_in_percent_and_in_octaves_are_the_same(value, half):
    octaves = Estimate(
        value=value, se=half, low=value - half, high=value + half, lower=value, upper=value
    )
    percent = in_percent(octaves)
    for name in ("value", "low", "high", "lower", "upper"):
        ratio = 1 + getattr(percent, name) / 100
        assert np.log2(ratio) == pytest.approx(getattr(octaves, name), abs=1e-6)
    step = 1e-4
    moved = in_percent(octaves.model_copy(update={"value": value + step})).value
    assert percent.se == pytest.approx(half * (moved - percent.value) / step, rel=1e-3)


def test_a_better_codec_goes_further():
    # at 0.2 and above nothing is lost by jpeg2000, by dgml not even at 0.05
    def iou(point):
        return 0.5 if point.codec == "jpeg2000" and RATES[point.rate] < 0.2 else 0.7

    found = judged({"seeds": (0, 1)}, fire=(dataset(), Truth(iou=iou, noise=0.004)))
    jpeg2000, dgml = found.findings[0].verdicts
    assert (jpeg2000.status, jpeg2000.rate) == ("within", "0.2")
    assert [step.passed for step in jpeg2000.steps] == [True, True, True, False, None]
    assert [step.rate for step in jpeg2000.steps] == ["lossless", "0.4", "0.2", "0.1", "0.05"]
    assert (dgml.status, dgml.rate) == ("within", "0.05")
    assert jpeg2000.steps[3].blocks_needed is None


def test_without_loss_nothing_changes():
    found = judged({}, fire=(dataset(), Truth(noise=0.2)))
    first = found.findings[0].verdicts[0].steps[0]
    assert (first.rate, first.passed) == ("lossless", True)
    assert (first.change.value, first.change.lower, first.change.upper) == (0, 0, 0)
    point = next(p for p in found.findings[0].points if p.rate == "lossless")
    assert (point.psnr.value, bool(point.psnr.reason)) == (None, True)


@pytest.mark.parametrize(("blocks", "answer"), [(80, "supported"), (5, "undecided")])
def test_where_nothing_differs(blocks, answer):
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


def test_h2_is_refuted_where_the_learned_codec_is_far_ahead():
    found = judged({}, thermal=(dataset(), Truth(**better(0.06))))
    assert claim(found, "H2").outcome == "refuted"
    assert claim(found, "H2").measures[0].estimate.value == pytest.approx(-0.06, abs=0.01)
    assert found.conditional


def test_h1_is_refuted_by_one_of_its_two_measures():
    def psnr(point):
        return 60 + 5 * np.log2(RATES[point.rate]) + 3 * (point.codec == "dgml")

    iou = better(-0.03)["iou"]
    found = judged({}, optical=(dataset(**OPTICAL), Truth(iou=iou, psnr=psnr)))
    assert claim(found, "H1").outcome == "refuted"


@pytest.mark.parametrize(("by", "answer"), [(-3, "refuted"), (3, "undecided")])
def test_one_undefined_measure_neither_supports_nor_saves_a_claim(by, answer):
    # maps at two rates are no curve
    config = dataset(**OPTICAL, regimes={"frozen": {"jpeg2000": "all", "dgml": [0.1, 0.2]}})
    psnr = {"psnr": lambda p: 60 + 5 * np.log2(RATES[p.rate]) + by * (p.codec == "dgml")}
    h1 = claim(judged({}, optical=(config, Truth(**psnr))), "H1")
    assert h1.measures[1].estimate.value is None
    assert (h1.alone, h1.outcome, h1.p_support) == (answer, answer, None)
    assert "lossy points" in h1.reason


def test_a_gain_of_joint_training_is_found_at_its_own_rate():
    # joint spends twice the bits of its control and lies on the same curve: no gain at equal rate
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
    # where joint stays on the curve it gains nothing; where it left it nothing is known
    def bpppb(point):
        return RATES[point.rate] * (9 if (point.rate, point.regime) == ("0.2", "joint") else 1)

    config = dataset(regimes={"joint": {"dgml": [0.1, 0.2]}})
    h3 = claim(judged({}, thermal=(config, Truth(bpppb=bpppb))), "H3")
    assert (h3.outcome, h3.measures[0].estimate.value) == ("undecided", None)
    assert h3.reason.endswith("joint's: dgml at 0.2")
    assert h3.measures[0].name.endswith("dgml at 0.1, dgml at 0.2")


def test_joint_that_was_not_run_is_undecided():
    h3 = claim(judged({}, thermal=(dataset(), Truth())), "H3")
    assert (h3.outcome, h3.reason) == ("undecided", "joint was not run")


def test_a_weak_ceiling_makes_everything_untestable():
    truth = Truth(ceiling=0.2, iou=lambda p: 0.2)
    found = judged({}, optical=(dataset(**OPTICAL, regimes=ALL), truth))
    assert not found.findings[0].testable
    assert {c.outcome for c in found.claims} == {"not testable"}
    assert {v.status for v in found.findings[0].verdicts} == {"not testable"}
    assert {s.passed for v in found.findings[0].verdicts for s in v.steps} == {None}
    ceiling = next(c for c in found.findings[0].checks if "strong enough" in c.question)
    assert not ceiling.fair


@pytest.mark.parametrize(("blocks", "positive"), [(1, 1), (2, 1), (12, 1), (1, 0), (12, 0)])
def test_few_blocks_with_positives_never_support_anything(blocks, positive):
    truth = Truth(blocks=blocks, positive=positive, **better(0.3))
    found = judged({}, optical=(dataset(**OPTICAL, regimes=ALL), truth))
    assert not {c.outcome for c in found.claims} & {"supported", "refuted"}
    assert Findings.parse(found.canonical()) == found


def test_images_are_compared_where_one_block_holds_positives():
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


def test_claims_say_how_much_was_trained_on():
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


def test_folds_are_scored_as_one():
    config = dataset() | {
        "tiling": {
            "tile": 16,
            "folds": {"count": 3, "held_out": [0, 1, 2], "block_tiles": 1, "salt": "0"},
        }
    }
    truth = Truth(folds=(0, 1, 2))
    finding = judged({"seeds": (4, 7)}, thermal=(config, truth)).findings[0]
    assert (finding.seeds, finding.blocks, finding.positive_blocks) == (2, 40, 30)
    assert finding.training_tiles == 21
    assert finding.codec_training_tiles == {"dgml": 24}


def test_blocks_are_merged_until_they_are_as_wide_as_the_labels_are_correlated():
    finding = judged({}, thermal=(dataset(), Truth(correlation_px=20))).findings[0]
    # two scenes of 3 × 8 tiles with rows of 8, 8 and 4
    assert (finding.block_px, finding.blocks) == (32, 2 * (4 + 2))
    check = next(c for c in finding.checks if "correlated" in c.question)
    assert not check.fair
    assert "2 × 2" in check.answer


def test_codecs_without_maps_are_still_compared_in_psnr():
    rates = {"jpeg2000": LOSSY, "jpegxl": LOSSY}
    config = dataset(rates=rates, regimes={"frozen": {"jpeg2000": "all"}})
    finding = judged({}, thermal=(config, Truth())).findings[0]
    (comparison,) = finding.comparisons
    assert comparison.psnr.value == pytest.approx(0, abs=0.2)
    assert (comparison.iou.value, "no lossy frozen maps" in comparison.iou.reason) == (None, True)
    assert [p.codec for p in finding.points if p.iou.value is None] == ["jpegxl"] * 4


def test_seeds_that_a_point_lacks_are_left_out():
    configured = study(seeds=(0, 1, 2), thermal=dataset(rates={"jpeg2000": [0.1], "dgml": LOSSY}))
    rows = table(configured, "thermal", Truth())
    lacking = rows[~((rows["codec"] == "dgml") & (rows["rate"] == "0.1") & (rows["seed"] == 1))]
    everywhere = rows[rows["seed"].isna() | (rows["seed"] != 1)]
    found = judge(configured, lacking)
    assert found.findings[0].seeds == 2
    assert found == judge(configured, everywhere)


@pytest.mark.parametrize(
    ("lacks", "message"),
    [
        (lambda r: (r["codec"] == "dgml") & (r["rate"] == "0.1"), "no tp of dgml at 0.1, frozen"),
        (lambda r: r["metric"] == "bpppb", "no bpppb of jpeg2000 at 0.05"),
        (lambda r: r["metric"] == "correlation_px", "no correlation_px"),
        (lambda r: (r["rate"] == "0.1") & (r["row"] == 0), "scored on other tiles"),
    ],
)
def test_a_table_that_lacks_something_is_refused(lacks, message):
    configured = study(thermal=dataset())
    rows = table(configured, "thermal", Truth())
    with pytest.raises(DownlinkError, match=message):
        judge(configured, rows[~lacks(rows)])


def test_fairness_is_computed():
    def bpppb(point):
        return RATES[point.rate] * (4 if point.codec == "dgml" else 1)

    config = dataset(codec_from="other")
    other = dataset()
    configured = study(thermal=config, other=other).model_copy(update={"run": ("thermal",)})
    rows = table(configured, "thermal", replace(Truth(), bpppb=bpppb, positive=7))
    floored = (rows["codec"] == "jpeg2000") & (rows["rate"] == "0.05")
    rows.loc[floored & (rows["metric"] == "at_floor"), "value"] = 1.0
    rows.loc[floored & (rows["metric"] == "header_bytes"), "value"] = 330.0
    learned = (rows["codec"] == "dgml") & (rows["rate"] == "0.4")
    rows.loc[learned & (rows["metric"] == "psnr_training_db"), "value"] += 2
    checks = {c.question: c for c in judge(configured, rows).findings[0].checks}
    expected = {
        "Do rate ranges overlap?": "dgml 1.0",
        "Does every codec go as low as asked?": "jpeg2000 at 0.05 (0.050 bpppb)",
        "What share of the bytes is not payload?": "jpeg2000 at 0.05 25.0 %",
        "How many blocks hold positives?": "7 of 40",
        "Do the blocks lie in several scenes?": "In 2 scenes",
        "Do learned codecs know their training tiles better than others?": "trained on other.",
        "Were learned codecs trained on this dataset's own tiles?": "of other",
        "Was everything trained more than once?": "conditional",
    }
    for question, said in expected.items():
        assert said in checks[question].answer
        assert not checks[question].fair
    gap = checks["Do learned codecs know their training tiles better than others?"]
    assert gap.answer == "Not known here: trained on other."
    own = study(thermal=dataset())
    checks = {c.question: c for c in judge(own, rows).findings[0].checks}
    gap = checks["Do learned codecs know their training tiles better than others?"]
    assert not gap.fair
    assert "dgml +2.3 dB (classical codecs +0.1 dB)" in gap.answer
    fair = judged({"seeds": (0, 1)}, thermal=(dataset(), Truth(scenes=5))).findings[0].checks
    assert all(check.fair for check in fair)


def test_equal_tables_in_any_order_give_equal_findings():
    configured = study(thermal=dataset(regimes=ALL))
    rows = table(configured, "thermal", Truth())
    shuffled = pd.DataFrame(rows.sample(frac=1, random_state=0))
    assert judge(configured, rows).canonical() == judge(configured, shuffled).canonical()


rates = st.lists(st.sampled_from(LOSSY), min_size=1, max_size=4, unique=True)


@settings(max_examples=10, deadline=None)
@given(st.data())
def test_any_study_is_judged_and_what_is_found_comes_back(data):
    codecs = {
        name: data.draw(rates)
        for name in ("jpeg2000", "klt-jpeg2000", "jpegxl", "hyperprior", "dgml")
        if data.draw(st.booleans())
    } or {"jpeg2000": [0.1, "lossless"]}
    learned = {n: [codecs[n][0]] for n in ("dgml", "hyperprior") if n in codecs}
    original = data.draw(st.booleans())
    regimes = {
        "original": original,
        "frozen": data.draw(st.sampled_from(["all", "none"])) if original else "none",
        "retrained": data.draw(st.sampled_from(["all", "none"])),
        "joint": learned if original and data.draw(st.booleans()) else "none",
    }
    level = data.draw(st.floats(0, 1))
    blocks = data.draw(st.integers(1, 8))
    truth = Truth(
        iou=lambda p: level,
        ceiling=data.draw(st.floats(0, 1)),
        bpppb=lambda p: data.draw(st.sampled_from([0.001, 0.1, 0.1, 5])),
        blocks=blocks,
        positive=data.draw(st.integers(0, blocks)),
        noise=data.draw(st.sampled_from([0, 0.1])),
    )
    configured = study(
        seeds=tuple(range(data.draw(st.integers(1, 2)))),
        statistics=Statistics(resamples=100).model_dump(),
        any=dataset(rates=codecs, regimes=regimes, bands=data.draw(st.integers(1, 2))),
    )
    found = judge(configured, table(configured, "any", truth))
    assert Findings.parse(found.canonical()) == found
    lacking = blocks < 2 or not original
    assert not (lacking and {c.outcome for c in found.claims} & {"supported", "refuted"})
