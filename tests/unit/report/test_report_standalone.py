"""Curves as a file of their own."""

from xml.etree import ElementTree

import pandas as pd

from workflow_lib.report.figures import looks, rate_distortion, rate_task, standalone


def test_a_stand_alone_figure_is_well_formed_and_holds_both_curves():
    points = pd.DataFrame(
        {
            "codec": ["a", "a", "b", "b"],
            "rate": ["0.1", "0.2", "0.1", "0.2"],
            "bpppb": [0.1, 0.2, 0.11, 0.19],
            "psnr_db": [30.0, 33.0, 31.0, 34.0],
            "iou_frozen": [0.3, 0.4, 0.35, 0.45],
            "iou_retrained": [0.35, float("nan"), 0.4, float("nan")],
            "iou_originals": 0.5,
            "iou_trivial": 0.2,
        }
    )
    drawn = looks(["b", "a"])
    file = standalone([rate_distortion(points, drawn, "rd"), rate_task(points, drawn, "task")])
    root = ElementTree.fromstring(file)
    curves = [child for child in root if child.tag.endswith("svg")]
    assert len(curves) == 2
    assert [curve.get("x") for curve in curves] == ["0", "389"]
    assert "var(--rule)" in file
    assert "http" not in file.replace("http://www.w3.org/", "")


def test_a_codecs_look_does_not_depend_on_the_order():
    assert looks(["jpegxl", "dgml"]) == looks(["dgml", "jpegxl"])
