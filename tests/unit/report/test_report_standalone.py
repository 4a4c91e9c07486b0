"""Curves in a stand-alone SVG file."""

import re
from xml.etree import ElementTree

import pytest

from workflow_lib.report.figures import looks, rate_distortion, rate_task, standalone
from workflow_lib.report.results import all_points, coded_points


@pytest.fixture
def drawn(inputs):
    return looks(inputs.study.codecs)


@pytest.fixture
def fire(inputs):
    return inputs.findings.findings[0]


def without(finding, *regimes):
    kept = tuple(point for point in finding.points if point.regime not in regimes)
    return finding.model_copy(update={"points": kept})


def bars(figure):
    """Number of drawn intervals, which are the only translucent lines."""
    return len(re.findall(r'<path d="[^"]*" clip-path="[^"]*" style="[^"]*opacity: 0.55', figure))


def test_a_stand_alone_figure_is_well_formed_and_holds_both_curves(inputs, drawn, fire):
    points = all_points(inputs.study, inputs.table)
    coded = coded_points(points[points["dataset"] == "fire"], [fire])
    file = standalone([rate_distortion(coded, drawn, "rd"), rate_task(fire, 0.01, drawn, "task")])
    root = ElementTree.fromstring(file)
    curves = [child for child in root if child.tag.endswith("svg")]
    assert len(curves) == 2
    assert [curve.get("x") for curve in curves] == ["0", "389"]
    assert "var(--rule)" in file
    assert "http" not in file.replace("http://www.w3.org/", "")


def test_a_codecs_look_does_not_depend_on_the_order():
    assert looks(["jpegxl", "dgml"]) == looks(["dgml", "jpegxl"])


@pytest.mark.parametrize("regime", ["retrained", "mismatched", "joint", "control"])
def test_the_legend_names_a_regime_only_if_it_has_points(regime, drawn, fire):
    assert f">{regime}<" in rate_task(fire, 0.01, drawn, "a")
    assert f">{regime}<" not in rate_task(without(fire, regime), 0.01, drawn, "a")


def test_defined_intervals_are_drawn(drawn, fire):
    certain = [
        point.model_copy(update={"iou": type(point.iou)(value=point.iou.value, reason="one block")})
        for point in fire.points
    ]
    bare = fire.model_copy(update={"points": tuple(certain)})
    assert bars(rate_task(fire, 0.01, drawn, "a")) == len(fire.points)
    assert bars(rate_task(bare, 0.01, drawn, "a")) == 0


def test_undefined_levels_are_not_drawn(drawn, fire):
    none = type(fire.ceiling)(reason="no positives")
    figure = rate_task(
        fire.model_copy(update={"ceiling": none, "baseline": none}), 0.01, drawn, "a"
    )
    full = rate_task(fire, 0.01, drawn, "a")
    for label in ("on originals", "ε = 0.01 below", "threshold baseline"):
        assert f">{label}<" in full
        assert f">{label}<" not in figure


def test_lossless_points_are_in_no_curve(inputs, drawn):
    building = inputs.findings.findings[1]
    lossy = [point for point in building.points if point.rate != "lossless"]
    without_it = building.model_copy(update={"points": tuple(lossy)})
    assert rate_task(building, 0.01, drawn, "a") == rate_task(without_it, 0.01, drawn, "a")
    points = all_points(inputs.study, inputs.table)
    coded = coded_points(points[points["dataset"] == "building"], [building])
    kept = [point for point in coded if point.rate != "lossless"]
    assert rate_distortion(coded, drawn, "a") == rate_distortion(kept, drawn, "a")
