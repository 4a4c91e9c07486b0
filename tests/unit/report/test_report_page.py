import io
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
from made_up_findings import undefined
from reading import changed, first, shown

from workflow_lib.inference.findings import FairnessCheck
from workflow_lib.measure.table import main_table

HERE = Path(__file__).parent


def test_the_page_loads_no_other_files(page):
    assert "http://" not in page
    assert "https://" not in page
    assert not re.search(r"<(script|link|iframe|object|embed)\b|@import|\bon\w+=", page)
    assert all(uri.startswith("data:image/png;base64,") for uri in re.findall(r'src="(.*?)"', page))
    assert all(target.startswith("#") for target in re.findall(r'href="(.*?)"', page))
    assert all(target.startswith("#") for target in re.findall(r"url\((.*?)\)", page))


def test_the_page_names_all_datasets_and_codecs(inputs, page):
    for name in inputs.study.run:
        dataset = inputs.study.datasets[name]
        for text in (dataset.title, dataset.caption, dataset.credit, inputs.baseline[name]):
            assert text.replace(">", "&gt;") in page
    assert set(shown(page)["dataset"]) == set(inputs.study.run)
    assert set(shown(page)["codec"]) == set(inputs.study.codecs)
    assert "12 values above 65535 counts saturated" in page
    assert "Point estimates" not in page
    assert "conditional on one training" in page
    assert "--configfile" in page


def test_the_main_table_on_the_page_agrees_with_the_tidy_table(inputs, page):
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
    assert list(found["baseline"]) == text(expected["iou_baseline"], 3)
    assert "–" in set(found["retrained"])


def test_tables_include_lossless_points(page):
    table = shown(page)
    lossless = table[table["rate"] == "lossless"]
    assert list(lossless[["codec", "psnr"]].itertuples(index=False)) == [("jpeg2000", "∞")]


def test_other_figures_come_from_the_table(page):
    (maps, *_) = pd.read_html(io.StringIO(page), match="false alarms")
    assert list(dict.fromkeys(maps["maps"]))[:3] == ["on originals", "frozen", "retrained"]
    assert list(maps.iloc[0, 4:].astype(float)) == [0.77, 0.81, 0.74, 0.79, 62.5, 37.2]
    (coded, *_) = pd.read_html(io.StringIO(page), match="RMSE on background")
    coarsest = coded.iloc[0]
    assert coarsest["RMSE on labelK"] == 0.71
    assert coarsest["RMSE on backgroundK"] == 0.37
    assert coarsest.iloc[-1] == 0.25


def test_a_dataset_with_lossless_points_only_has_a_page(make_inputs, config, render):
    config["run"] = ["building"]
    config["datasets"]["building"] |= {"rates": {"jpeg2000": ["lossless"]}, "regimes": {}}
    assert "lossless points only" in render(make_inputs(config))


def test_the_dataset_summary_comes_from_the_table(page):
    assert "4 of 32 × 32 px" in page
    assert "4,096" in page
    assert "12.00 % of 1,000 labelled valid pixels" in page
    assert "10000 counts = 100 K" in page
    assert "10000 counts = 1<" in page


def test_rates_at_the_floor_are_marked(inputs, page, make_inputs, config, render):
    marked = shown(page)[shown(page)["bpppb"].str.contains("†")]
    assert list(marked["codec"]) == ["jpegxl"]
    assert list(marked["rate"]) == ["0.05"]
    assert "cannot reach the requested rate" in page
    config["run"] = ["building"]
    without = render(make_inputs(config))
    assert "cannot reach the requested rate" not in without
    assert "†" not in without


def test_pictures_and_figures_have_alternative_text(page):
    assert all('alt="' in tag for tag in re.findall(r"<img .*?>", page))
    figures = re.findall(r"<svg .*?>", page)
    assert len(figures) == 4
    assert all('role="img" aria-label="' in tag for tag in figures)


def test_ids_are_unique_and_references_resolve(page):
    ids = re.findall(r'\sid="(.*?)"', page)
    assert len(ids) == len(set(ids))
    wanted = re.findall(r'href="#(.*?)"', page) + re.findall(r"url\(#(.*?)\)", page)
    assert set(wanted) <= set(ids)


def test_equal_inputs_give_equal_bytes_in_another_process(page, tmp_path):
    target = tmp_path / "again.html"
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "from made_up import CONFIG, build\n"
        "from workflow_lib.report.page import write_report\n"
        "write_report(*build(CONFIG).arguments(), Path(sys.argv[2]))\n"
    )
    root = HERE.parents[2]
    command = [sys.executable, "-c", script, str(HERE), str(target)]
    environment = {"PYTHONHASHSEED": "7", "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    subprocess.run(command, check=True, cwd=root, env=environment)
    assert target.read_text(encoding="utf-8") == page


def test_hostile_texts_are_escaped(make_inputs, config, render):
    attack = '<script>alert("1")</script>'
    for key in ("title", "caption", "credit"):
        config["datasets"]["fire"][key] = attack
    config["datasets"]["fire"]["quantity"] |= {"unit": "<b>$x$", "name": "<img src=x>"}
    inputs = make_inputs(config)
    inputs.baseline["fire"] = inputs.notes["fire"][0] = attack
    claim = inputs.findings.claims[0]
    measure = claim.measures[0].model_copy(update={"name": attack})
    hostile = claim.model_copy(
        update={"dataset": attack, "reason": attack, "against": attack, "measures": (measure,)}
    )
    check = FairnessCheck(question=attack, fair=False, answer=attack)
    inputs = first(
        changed(inputs, claims=(hostile,)), gate=undefined(attack), testable=False, checks=(check,)
    )
    page = render(inputs)
    assert "<script" not in page
    assert "<img src=x" not in page
    assert "<b>" not in page
    assert page.count("&lt;script&gt;alert") >= 12


def test_a_study_with_one_rate_and_no_maps_has_a_page(make_inputs, config, render):
    config["run"] = ["fire"]
    config["datasets"]["fire"] |= {"rates": {"dgml": [0.01]}, "regimes": {}}
    inputs = make_inputs(config)
    inputs.strips, inputs.baseline, inputs.notes = {}, {}, {}
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
    assert "There are no findings on maps." in page
    assert page.count("<svg") == 2


def test_several_segmenters_and_seeds_are_named(make_inputs, config, render):
    config["segmenters"]["other"] = config["segmenters"]["unet"]
    config["datasets"]["fire"]["segmenters"] = ["unet", "other"]
    config["seeds"] = [0, 1]
    page = render(make_inputs(config))
    assert page.count("<svg") == 5
    assert "the mean of 2 seeds" in page
    assert {"fireunet", "fireother"} <= set(shown(page)["dataset"])
    assert "Active fires, mid-wave infrared · other" in page
    assert "All rate points, frozen · other" in page
