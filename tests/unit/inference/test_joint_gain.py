"""Gain of joint training at equal rate."""

from dataclasses import replace

import numpy as np
import pytest
from planted import LOSSY, RATES, Truth, dataset, study, table

from workflow_lib.inference.gather import gather
from workflow_lib.inference.joint_gain import joint_gain
from workflow_lib.inference.points import RatePoint


def gains(points, of_joint, rates=LOSSY):
    """Gains of all joint points, if joint needs `of_joint` times the bits of its control.

    IoU is linear in log rate. The true gain of joint at equal rate is 0.02.
    """

    def bpppb(point):
        return RATES[point.rate] * (of_joint if point.regime == "joint" else 1)

    def iou(point):
        return 0.6 + 0.03 * np.log2(bpppb(point)) + 0.02 * (point.regime == "joint")

    config = dataset(rates={"dgml": rates}, regimes={"joint": {"dgml": points}})
    truth = Truth(iou=iou, bpppb=bpppb, noise=0, between_seeds=0, rate_noise=0)
    results = gathered(config, truth)
    return [joint_gain(results, RatePoint("dgml", f"{rate:g}", "joint")) for rate in points]


def gathered(config, truth):
    configured = study(seeds=(0, 1), toy=config)
    return gather(configured, table(configured, "toy", truth), "toy", "unet")


@pytest.mark.parametrize(
    ("points", "of_joint"),
    [
        ([0.1, 0.2], 1.5),  # 0.1 is between two controls, 0.2 needs the frozen curve
        ([0.2], 0.6),
        ([0.1], 1.0),
    ],
)
def test_the_gain_is_estimated_at_equal_rate(points, of_joint):
    for gain in gains(points, of_joint):
        assert gain.value == pytest.approx(0.02, abs=1e-3)
        assert gain.by_seed == pytest.approx([0.02, 0.02], abs=1e-3)
        assert gain.resampled == pytest.approx(np.full_like(gain.resampled, 0.02), abs=1e-3)


def test_the_frozen_curve_is_never_extrapolated():
    assert gains([0.4], 1.5) == [None]
    assert gains([0.05], 0.5) == [None]


@pytest.mark.parametrize(("of_joint", "defined"), [(1.009, True), (0.991, True), (1.02, False)])
def test_equal_rates_need_no_curve(of_joint, defined):
    (gain,) = gains([0.1], of_joint, rates=[0.1])  # a single rate is no curve
    assert (gain is not None) == defined
    assert gain is None or gain.value == pytest.approx(0.02, abs=1e-3)


def test_all_seeds_use_the_same_method():
    joint = RatePoint("dgml", "0.1", "joint")
    config = dataset(rates={"dgml": LOSSY}, regimes={"joint": {"dgml": [0.1, 0.2]}})
    results = gathered(config, Truth(rate_noise=0))
    # on average between both controls; in the second training beyond them, on the frozen curve
    rates = dict(results.bpppb) | {joint: np.array([0.12, 0.24])}
    gain = joint_gain(replace(results, bpppb=rates), joint)
    assert np.isnan(gain.by_seed).tolist() == [False, True]
    assert gain.estimate(results.df).reason == "it is undefined for 1 of 2 seeds"
