import numpy as np

from workflow_lib.measure.table import join
from workflow_lib.report.results import all_figures, all_points, coded_points


def test_points_follow_the_studys_order(inputs):
    points = all_points(inputs.study, inputs.table)
    assert list(dict.fromkeys(points["dataset"])) == ["fire", "building"]
    fire = points[points["dataset"] == "fire"]
    assert list(dict.fromkeys(fire["codec"])) == ["jpeg2000", "jpegxl", "dgml"]
    for _, rows in fire.groupby("codec"):
        assert rows["bpppb"].is_monotonic_increasing


def test_bytes_add_up(inputs):
    points = all_points(inputs.study, inputs.table)
    klt = points[points["codec"] == "klt-jpeg2000"].iloc[0]
    assert klt["total_bytes"] == 1000 + 120 + 80


def test_figures_of_one_fold_alone_are_not_shown(inputs):
    assert not (all_figures(inputs.study, inputs.table)["psnr_db"] == 99).any()
    assert not (all_points(inputs.study, inputs.table)["bpppb"] == 99).any()


def test_maps_have_the_rate_of_their_codec_or_of_the_fine_tuned_codec(inputs):
    figures = all_figures(inputs.study, inputs.table)
    fire = figures[(figures["dataset"] == "fire") & (figures["rate"] == "0.004")]
    rates = fire.set_index("regime")["bpppb"]
    assert rates["frozen"] == rates["retrained"] == rates["mismatched"] == rates[""]
    assert rates["joint"] == rates["control"] == 0.95 * rates[""]


def test_figures_are_means_over_seeds(inputs):
    table = inputs.table
    own = (table["codec"] == "dgml") & (table["rate"] == "0.004") & (table["dataset"] == "fire")
    again = table[own & (table["regime"] == "") & (table["metric"] == "ssim")]
    more = again.assign(seed=again["seed"] + 1, value=again["value"] + 0.01)
    figures = all_figures(inputs.study, join([table, more]))
    shown = figures[(figures["rate"] == "0.004") & (figures["regime"] == "")]
    shown = shown[shown["dataset"] == "fire"]
    assert np.isclose(shown["ssim"], again["value"].iloc[0] + 0.005).all()


def test_psnr_comes_from_findings_or_else_from_the_table(inputs):
    points = all_points(inputs.study, inputs.table)
    own = points[points["dataset"] == "fire"]
    finding = inputs.findings.findings[0]
    judged = {(p.codec, p.rate): p.psnr for p in finding.points if p.regime == "frozen"}
    found = coded_points(own, [finding])
    plain = [p for p in found if p.regime == ""]
    assert len(plain) == 12
    assert all(p.psnr == judged[p.codec, p.rate] for p in plain)
    assert {p.regime for p in found} == {"", "joint", "control"}
    alone = coded_points(own, [])
    assert [(p.codec, p.rate, p.psnr.value) for p in alone] == [
        (p.codec, p.rate, p.psnr.value) for p in plain
    ]
    assert all(p.psnr.low is None for p in alone)


def test_lossless_points_have_no_psnr(inputs):
    points = all_points(inputs.study, inputs.table)
    found = coded_points(points[points["dataset"] == "building"], [])
    assert [p.rate for p in found if p.psnr.value is None] == ["lossless"]
