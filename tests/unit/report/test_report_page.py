import html
import io
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from conftest import about, undefined

from workflow_lib.metrics.findings import Check, Estimate, Step, Verdict
from workflow_lib.metrics.table import main_table
from workflow_lib.report.page import write_report

HERE = Path(__file__).parent


@pytest.fixture
def render(tmp_path):
    def write(inputs):
        target = tmp_path / "report.html"
        write_report(*inputs.arguments(), target)
        return target.read_text(encoding="utf-8")

    return write


@pytest.fixture(scope="module")
def page(inputs, tmp_path_factory):
    target = tmp_path_factory.mktemp("page") / "report.html"
    write_report(*inputs.arguments(), target)
    return target.read_text(encoding="utf-8")


def shown(page):
    """The main table as it stands on the page, as text, with merged cells repeated."""
    text = dict.fromkeys(range(9), str)
    (found,) = pd.read_html(io.StringIO(page), attrs={"id": "table-main"}, converters=text)
    return found.set_axis(
        ["dataset", "codec", "rate", "bpppb", "psnr", "frozen", "retrained", "original", "trivial"],
        axis=1,
    )


def test_the_page_asks_for_nothing(page):
    assert "http://" not in page
    assert "https://" not in page
    assert not re.search(r"<(script|link|iframe|object|embed)\b|@import|\bon\w+=", page)
    assert all(uri.startswith("data:image/png;base64,") for uri in re.findall(r'src="(.*?)"', page))
    assert all(target.startswith("#") for target in re.findall(r'href="(.*?)"', page))
    assert all(target.startswith("#") for target in re.findall(r"url\((.*?)\)", page))


def test_everything_of_the_study_is_there(inputs, page):
    for name in inputs.study.run:
        dataset = inputs.study.datasets[name]
        for text in (dataset.title, dataset.caption, dataset.credit, inputs.trivial[name]):
            assert text.replace(">", "&gt;") in page
    assert set(shown(page)["dataset"]) == set(inputs.study.run)
    assert set(shown(page)["codec"]) == set(inputs.study.codecs)
    assert "12 values above 65535 counts saturated" in page
    assert "Point estimates" not in page
    assert "conditional on one training" in page
    assert "--configfile" in page


def test_the_numbers_are_the_tables(inputs, page):
    def text(values, digits):
        words = {"nan": "–", "inf": "∞"}
        return [words.get(str(value), f"{value:.{digits}f}") for value in values]

    points = ["dataset", "codec", "rate"]
    expected = main_table(inputs.table, inputs.study.run).set_index(points)
    found = shown(page)
    found["rate"] = found["rate"].str.removeprefix("λ ")
    found = found.set_index(points).loc[expected.index]
    assert len(shown(page)) == len(expected)
    assert list(found["bpppb"].str.rstrip("†")) == text(expected["bpppb"], 3)
    assert list(found["psnr"]) == text(expected["psnr_db"], 2)
    assert list(found["frozen"]) == text(expected["iou_frozen"], 3)
    assert list(found["retrained"]) == text(expected["iou_retrained"], 3)
    assert list(found["original"]) == text(expected["iou_originals"], 3)
    assert list(found["trivial"]) == text(expected["iou_trivial"], 3)
    assert "–" in set(found["retrained"])


def test_lossless_points_stand_in_tables(page):
    table = shown(page)
    lossless = table[table["rate"] == "lossless"]
    assert list(lossless[["codec", "psnr"]].itertuples(index=False)) == [("jpeg2000", "∞")]


def texts(page):
    """The page's text without its markup, spaces as they are read."""
    plain = html.unescape(re.sub(r"<[^>]*>", " ", page))
    return re.sub(r"\s+", " ", plain)


def told(estimate, digits, sign=""):
    """An estimate as the page writes it."""
    value, *ends = (
        f"{number:{plus}.{digits}f}".replace("-", "−")
        for number, plus in ((estimate.value, sign), (estimate.low, ""), (estimate.high, ""))
    )
    return f"{value} [{ends[0]}, {ends[1]}]"


def changed(inputs, **update):
    return replace(inputs, findings=inputs.findings.model_copy(update=update))


def first(inputs, **update):
    """The inputs with another first finding."""
    head, *rest = inputs.findings.findings
    return changed(inputs, findings=(head.model_copy(update=update), *rest))


def test_the_intervals_are_those_of_the_findings(inputs, page):
    text = texts(page)
    for finding in inputs.findings.findings:
        for level in (finding.ceiling, finding.trivial):
            assert told(level, 3) in text
        for point in finding.points:
            if point.psnr.value is not None and point.regime != "mismatched":
                assert told(point.psnr, 2) in text
            assert told(point.iou, 3) in text
            assert told(point.change, 4, "+") in text
        for comparison in finding.comparisons:
            assert told(comparison.psnr, 2, "+") in text
            assert told(comparison.rate, 1, "+") in text
            assert told(comparison.iou, 4, "+") in text
    for claim in inputs.findings.claims:
        for measure in claim.measures:
            digits = 2 if "PSNR" in measure.name else 4
            assert told(measure.estimate, digits, "+") in text


def claims(page):
    """The table of claims as it stands on the page."""
    (found,) = pd.read_html(io.StringIO(page), attrs={"id": "table-claims"})
    return found


def test_every_outcome_stands_in_words_with_a_mark(inputs, page):
    shown_outcomes = list(claims(page)["outcome"])
    for mark in ("✓ supported", "✗ refuted", "? undecided", "○ not testable"):
        assert mark in shown_outcomes
    assert "✓ supported" in list(claims(page)["alone"])
    assert "no joint codec" in texts(page)


def test_claims_are_said_in_a_sentence_and_with_their_training(inputs, page):
    text = texts(page)
    margin = inputs.study.statistics.thermal_margin
    assert f"JPEG 2000 stays competitive: its BD-IoU is above −{margin:g}" in text
    assert set(claims(page)["training tiles"].dropna()) >= {"311 segmenter 312 dgml"}


def test_secondary_claims_are_told_from_the_family(inputs, render):
    first_claim = inputs.findings.claims[0].model_copy(
        update={"primary": False, "against": "klt-jpeg2000"}
    )
    table = claims(render(changed(inputs, claims=(first_claim,))))
    assert list(table["dataset"].dropna())[-1] == "buildingsecondary"
    assert list(table["against"].dropna())[-1] == "klt-jpeg2000"


def test_a_study_without_claims_says_so(inputs, render):
    page = render(changed(inputs, claims=()))
    assert "none of the pairs of codecs" in page
    assert "table-claims" not in page


def test_several_seeds_are_not_called_conditional(inputs, render):
    assert "conditional on one training" not in render(changed(inputs, conditional=False))


def test_verdicts_come_with_their_compression(page):
    text = texts(page)
    assert "0.519 bpppb (31:1) not shown at 0.238 bpppb: would need infinitely many blocks" in text
    assert "inconclusive not shown at 0.593 bpppb" in text


def test_the_test_sequence_is_visible(inputs, page):
    tables = pd.read_html(io.StringIO(page), match="within ε = 0.01")
    fire = tables[0]
    own = fire[fire["codec"] == "jpeg2000"]
    outcomes = [str(cell) for cell in own.iloc[:, -1]]
    assert list(own["bpppb"]) == sorted(own["bpppb"], reverse=True)
    assert outcomes[0].startswith("✓ yes, the verdict")
    assert outcomes[1].startswith("✗ not shown")
    assert all("not tested" in outcome for outcome in outcomes[2:])


def test_a_failure_says_how_many_blocks_it_would_take(inputs, render):
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
    assert f"IoU {told(gate, 3, '+')}. A map that is no better" in texts(page)
    assert "dgml not testable" in texts(page)


def test_estimates_without_uncertainty_give_their_reason(inputs, render):
    bare = Estimate(value=0.61, reason="a single block with positives")
    text = texts(render(first(inputs, ceiling=bare, trivial=undefined("no label"))))
    assert "0.610 (no interval: a single block with positives)" in text
    assert "undefined: no label" in text


def test_joint_and_mismatched_stand_where_they_are_part_of_the_study(page):
    fire, building = page.split('<section id="dataset-building"')
    for heading in (
        "Joint optimisation against its control",
        "Trained on one codec, shown another",
    ):
        assert heading in fire
        assert heading not in building
    assert "jpeg2000 at 0.1" in fire


def test_a_missing_control_is_said_to_be_missing(inputs, render):
    kept = [p for p in inputs.findings.findings[0].points if p.regime != "control"]
    assert "control not part of the study" in texts(render(first(inputs, points=tuple(kept))))


def test_checks_are_marked_by_more_than_colour(page):
    assert 'aria-label="caution">!</span><strong>Is the ceiling weak?</strong>' in page
    assert 'aria-label="fair">✓</span><strong>Do rate ranges overlap?</strong>' in page


def test_other_figures_come_from_the_table(page):
    (maps, *_) = pd.read_html(io.StringIO(page), match="false alarms")
    assert list(dict.fromkeys(maps["maps"]))[:3] == ["on originals", "frozen", "retrained"]
    assert list(maps.iloc[0, 4:].astype(float)) == [0.77, 0.81, 0.74, 0.79, 62.5, 37.2]
    (coded, *_) = pd.read_html(io.StringIO(page), match="RMSE on background")
    coarsest = coded.iloc[0]
    assert coarsest["RMSE on labelK"] == 0.71
    assert coarsest["RMSE on backgroundK"] == 0.37
    assert coarsest.iloc[-1] == 0.25


def test_a_dataset_with_lossless_points_alone_has_a_page(make_inputs, config, render):
    config["run"] = ["building"]
    config["datasets"]["building"] |= {"rates": {"jpeg2000": ["lossless"]}, "regimes": {}}
    assert "lossless points only" in render(make_inputs(config))


def test_facts_come_from_the_table(page):
    assert "4 of 32 × 32 px" in page
    assert "4,096" in page
    assert "12.00 % of 1,000 labelled valid pixels" in page
    assert "10000 counts = 100 K" in page
    assert "10000 counts = 1<" in page


def test_rates_at_the_floor_are_marked(inputs, page, make_inputs, config, render):
    marked = shown(page)[shown(page)["bpppb"].str.contains("†")]
    assert list(marked["codec"]) == ["jpegxl"]
    assert list(marked["rate"]) == ["0.05"]
    assert "hit its floor" in page
    config["run"] = ["building"]
    without = render(make_inputs(config))
    assert "hit its floor" not in without
    assert "†" not in without


def test_undefined_comparisons_give_their_reason(page):
    assert "undefined: overlap of 0.8 octaves, 2 are needed" in page


def test_a_dataset_without_comparisons_says_so(inputs, render):
    assert "There is nothing to compare" in render(first(inputs, comparisons=()))


def test_pictures_and_figures_have_words(page):
    assert all('alt="' in tag for tag in re.findall(r"<img .*?>", page))
    figures = re.findall(r"<svg .*?>", page)
    assert len(figures) == 4
    assert all('role="img" aria-label="' in tag for tag in figures)


def test_ids_are_unique_and_references_lead_somewhere(page):
    ids = re.findall(r'\sid="(.*?)"', page)
    assert len(ids) == len(set(ids))
    wanted = re.findall(r'href="#(.*?)"', page) + re.findall(r"url\(#(.*?)\)", page)
    assert set(wanted) <= set(ids)


def test_same_inputs_give_same_bytes_in_another_process(page, tmp_path):
    target = tmp_path / "again.html"
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "from conftest import CONFIG, build\n"
        "from workflow_lib.report.page import write_report\n"
        "write_report(*build(CONFIG).arguments(), Path(sys.argv[2]))\n"
    )
    root = HERE.parents[2]
    command = [sys.executable, "-c", script, str(HERE), str(target)]
    environment = {"PYTHONHASHSEED": "7", "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    subprocess.run(command, check=True, cwd=root, env=environment)
    assert target.read_text(encoding="utf-8") == page


def test_hostile_texts_stay_texts(make_inputs, config, render):
    attack = '<script>alert("1")</script>'
    for key in ("title", "caption", "credit"):
        config["datasets"]["fire"][key] = attack
    config["datasets"]["fire"]["quantity"] |= {"unit": "<b>$x$", "name": "<img src=x>"}
    inputs = make_inputs(config)
    inputs.trivial["fire"] = inputs.notes["fire"][0] = attack
    claim = inputs.findings.claims[0]
    measure = claim.measures[0].model_copy(update={"name": attack})
    hostile = claim.model_copy(
        update={"dataset": attack, "reason": attack, "against": attack, "measures": (measure,)}
    )
    check = Check(question=attack, fair=False, answer=attack)
    inputs = first(
        changed(inputs, claims=(hostile,)), gate=undefined(attack), testable=False, checks=(check,)
    )
    page = render(inputs)
    assert "<script" not in page
    assert "<img src=x" not in page
    assert "<b>" not in page
    assert page.count("&lt;script&gt;alert") >= 12


def test_one_dataset_one_rate_and_nothing_else(make_inputs, config, render):
    config["run"] = ["fire"]
    config["datasets"]["fire"] |= {"rates": {"dgml": [0.01]}, "regimes": {}}
    inputs = make_inputs(config)
    inputs.strips, inputs.trivial, inputs.notes = {}, {}, {}
    page = render(inputs)
    assert list(shown(page)["rate"]) == ["λ 0.01"]
    assert "One held-out tile" not in page


def test_a_dataset_without_results_is_named(inputs, render):
    inputs = replace(inputs)
    inputs.table = inputs.table[inputs.table["dataset"] != "building"].reset_index(drop=True)
    page = render(inputs)
    assert "No results in the table for: building." in page
    assert set(shown(page)["dataset"]) == {"fire"}


def test_missing_maps_and_findings(inputs, render):
    table = inputs.table[inputs.table["regime"] == ""].reset_index(drop=True)
    page = render(replace(changed(inputs, findings=(), claims=()), table=table))
    assert set(shown(page)["frozen"]) == {"–"}
    assert "No maps were judged." in page
    assert page.count("<svg") == 2


def test_several_segmenters_and_seeds_are_told_apart(make_inputs, config, render):
    config["segmenters"]["other"] = config["segmenters"]["unet"]
    config["datasets"]["fire"]["segmenters"] = ["unet", "other"]
    config["seeds"] = [0, 1]
    page = render(make_inputs(config))
    assert page.count("<svg") == 5
    assert "the mean of 2 seeds" in page
    assert {"fireunet", "fireother"} <= set(shown(page)["dataset"])
    assert "Active fires, mid-wave infrared · other" in page
    assert "Every rate point, frozen · other" in page
