"""`judge` handles studies of any shape: folds, blocks, seeds, missing rows, fairness."""

from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import (
    LOSSY,
    RATES,
    Truth,
    dataset,
    judged,
    study,
    table,
)

from workflow_lib.config.statistics import Statistics
from workflow_lib.errors import DownlinkError
from workflow_lib.inference.findings import Findings
from workflow_lib.inference.judge import judge

ALL = {"retrained": "all", "joint": {"dgml": [0.1, 0.2]}}


def test_folds_are_pooled():
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


def test_blocks_are_merged_up_to_the_correlation_length():
    finding = judged({}, thermal=(dataset(), Truth(correlation_px=20))).findings[0]
    # two scenes of 3 × 8 tiles with rows of 8, 8 and 4
    assert (finding.block_px, finding.blocks) == (32, 2 * (4 + 2))
    check = next(c for c in finding.checks if "correlated" in c.question)
    assert not check.fair
    assert "2 × 2" in check.answer


def test_codecs_without_maps_are_compared_in_psnr():
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
def test_an_incomplete_table_is_refused(lacks, message):
    configured = study(thermal=dataset())
    rows = table(configured, "thermal", Truth())
    with pytest.raises(DownlinkError, match=message):
        judge(configured, rows[~lacks(rows)])


def test_fairness_is_checked():
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
        "Does every codec reach the requested rates?": "jpeg2000 at 0.05 (0.050 bpppb)",
        "What share of the bytes is not payload?": "jpeg2000 at 0.05 25.0 %",
        "How many blocks hold positives?": "7 of 40",
        "Do the blocks lie in several scenes?": "In 2 scenes",
        "Do learned codecs overfit their training tiles?": "trained on other.",
        "Were learned codecs trained on this dataset's own tiles?": "of other",
        "Was everything trained more than once?": "conditional",
    }
    for question, expected_text in expected.items():
        assert expected_text in checks[question].answer
        assert not checks[question].fair
    gap = checks["Do learned codecs overfit their training tiles?"]
    assert gap.answer == "Unknown: trained on other."
    own = study(thermal=dataset())
    checks = {c.question: c for c in judge(own, rows).findings[0].checks}
    gap = checks["Do learned codecs overfit their training tiles?"]
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
def test_findings_of_any_study_round_trip(data):
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
