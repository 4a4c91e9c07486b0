import pandas as pd

from workflow_lib.report.results import all_points, anchor, comparisons, verdicts


def points_of(codec, rates, iou, original=0.7):
    return pd.DataFrame(
        {"codec": codec, "bpppb": rates, "iou_frozen": iou, "iou_originals": original}
    )


def test_lowest_rate_that_is_good_enough():
    (found,) = verdicts(points_of("a", [0.1, 0.2, 0.4], [0.5, 0.69, 0.72]))
    assert (found.lowest, found.iou, found.relapses, found.highest) == (0.2, 0.69, False, 0.4)


def test_a_higher_rate_that_falls_short_again_is_told():
    (found,) = verdicts(points_of("a", [0.1, 0.2, 0.4], [0.695, 0.6, 0.7]))
    assert (found.lowest, found.relapses) == (0.1, True)


def test_no_rate_is_good_enough():
    (found,) = verdicts(points_of("a", [0.1, 0.2], [0.5, 0.689]))
    assert found.lowest is None


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


def test_a_dearer_copy_of_the_anchor_costs_what_it_costs():
    rates, psnr = [0.05, 0.1, 0.2, 0.4], [36.0, 40.0, 44.0, 48.0]
    double = [2 * rate for rate in rates]
    points = pd.concat(
        [points_of("j2k", rates, 0.5), points_of("dear", double, 0.6)], ignore_index=True
    ).assign(psnr_db=psnr * 2)
    (found,) = comparisons(points, "j2k")
    assert found.codec == "dear"
    assert abs(found.rate.value - 100) < 1e-6
    assert abs(found.psnr.value + 4) < 1e-6
    assert abs(found.iou.value - 0.1) < 1e-9


def test_the_anchor_is_jpeg_2000_by_kind_not_by_name(make_inputs, config):
    config["codecs"]["plain"] = {"kind": "jpeg2000"}
    config["run"] = ["fire"]
    config["datasets"]["fire"] |= {"rates": {"jpegxl": [0.1], "plain": [0.1]}, "retrain": {}}
    study = make_inputs(config).study
    assert anchor(study, "fire") == "plain"
    assert anchor(study, "building") == "jpeg2000"
