"""The paper's three claims as hypotheses on one dataset; docs/science.md has the formulas.

Mollière et al., "Learned Image Compression for Earth Observation: Implications for Downstream
Segmentation Tasks", arXiv 2512.01788.
"""

from collections.abc import Sequence
from typing import Literal

from workflow_lib.config.study import Study
from workflow_lib.inference.comparisons import bd_iou, bd_psnr
from workflow_lib.inference.dataset_results import DatasetResults
from workflow_lib.inference.findings import Claim, Estimate, Measure, Outcome
from workflow_lib.inference.intervals import p_above, p_below
from workflow_lib.inference.joint_gain import joint_gain
from workflow_lib.inference.points import RatePoint
from workflow_lib.inference.replicates import Replicates

ALPHA = 0.05
"""Level of every one-sided test."""
THERMAL_UNIT = "K"
"""Physical unit by which thermal data are known."""

_MISSING = "needs a learned codec and one of kind jpeg2000"

Hypothesis = Literal["H1", "H2", "H3"]


def claims(study: Study, results: DatasetResults, testable: bool) -> list[Claim]:
    """All claims on one dataset with one segmenter, each judged alone.

    Args:
        study: for the kinds of codecs and the margins.
        results: of the dataset and segmenter.
        testable: whether the maps of originals are better than the threshold baseline.
    """
    found = []
    for regime in ("frozen", "retrained"):
        if len(results.dataset.bands) > 1:
            found += [
                *_h1(study, results, regime, "jpeg2000"),
                *_h1(study, results, regime, "klt-jpeg2000"),
            ]
        if results.dataset.quantity.unit == THERMAL_UNIT:
            found += _h2(study, results, regime)
    found.append(_h3(study, results))
    return found if testable else [_untestable(claim) for claim in found]


def of_kind(study: Study, results: DatasetResults, kind: str) -> list[str]:
    """The codecs of one kind that a dataset is coded with."""
    return [name for name in results.dataset.rates if study.codecs[name].kind == kind]


def learned(study: Study, results: DatasetResults) -> list[str]:
    """All learned codecs that a dataset is coded with."""
    return [n for n in results.dataset.rates if study.codecs[n].learned]


def _pairs(study: Study, results: DatasetResults, regime: str, kind: str) -> list[tuple[str, str]]:
    """The learned codecs that claims are about, each with its anchor."""
    about = of_kind(study, results, "dgml") or learned(study, results)[:1]
    pairs = [(codec, anchor) for codec in about for anchor in of_kind(study, results, kind)[:1]]
    if regime == "frozen":
        return pairs
    return [pair for pair in pairs if all(results.points(name, regime) for name in pair)]


def _h1(study: Study, results: DatasetResults, regime: str, kind: str) -> list[Claim]:
    """Learned coding is better in PSNR and in IoU."""
    primary = regime == "frozen" and kind == "jpeg2000"
    found = []
    for codec, anchor in _pairs(study, results, regime, kind):
        psnr = bd_psnr(results, anchor, codec)
        iou = bd_iou(results, anchor, codec, regime)
        found.append(
            _claim(
                results,
                "H1",
                regime,
                primary,
                codec=codec,
                against=anchor,
                measures=[
                    Measure(name=f"BD-PSNR of {codec} − {anchor} (dB)", estimate=psnr),
                    Measure(name=f"BD-IoU of {codec} − {anchor}", estimate=iou),
                ],
                support=[p_above(psnr, 0), p_above(iou, 0)],
                refute=[p_below(psnr, 0), p_below(iou, 0)],
            )
        )
    return found or ([_not_run(results, "H1", regime, _MISSING)] if primary else [])


def _h2(study: Study, results: DatasetResults, regime: str) -> list[Claim]:
    """JPEG 2000 stays competitive in IoU."""
    primary, margin = regime == "frozen", -study.statistics.thermal_margin
    found = []
    for codec, anchor in _pairs(study, results, regime, "jpeg2000"):
        iou = bd_iou(results, codec, anchor, regime)
        found.append(
            _claim(
                results,
                "H2",
                regime,
                primary,
                codec=codec,
                against=anchor,
                measures=[Measure(name=f"BD-IoU of {anchor} − {codec}", estimate=iou)],
                support=[p_above(iou, margin)],
                refute=[p_below(iou, margin)],
            )
        )
    return found or ([_not_run(results, "H2", regime, _MISSING)] if primary else [])


def _h3(study: Study, results: DatasetResults) -> Claim:
    """Joint training does not beat separate training."""
    points = [p for codec in results.dataset.rates for p in results.points(codec, "joint")]
    if not points:
        return _not_run(results, "H3", "joint", "joint was not run")
    gains = {point: joint_gain(results, point) for point in points}
    defined = [gain for gain in gains.values() if gain is not None]
    if len(defined) == len(points):
        gain = Replicates.mean(defined).estimate(results.df)
    else:  # what is left were the points whose rate joint training moved least
        out_of_reach = _places([point for point, gain in gains.items() if gain is None])
        gain = Estimate(
            reason="the frozen curve does not reach from the control's rate to joint's: "
            + out_of_reach
        )
    return _claim(
        results,
        "H3",
        "joint",
        True,
        codec=points[0].codec,
        measures=[Measure(name=f"IoU(joint) − IoU(control), {_places(points)}", estimate=gain)],
        support=[p_below(gain, study.statistics.joint_margin)],
        refute=[p_above(gain, 0)],
    )


def _places(points: Sequence[RatePoint]) -> str:
    return ", ".join(f"{point.codec} at {point.rate}" for point in points)


def _claim(
    results: DatasetResults,
    hypothesis: Hypothesis,
    regime: str,
    primary: bool,
    *,
    measures: Sequence[Measure],
    support: Sequence[float | None],
    refute: Sequence[float | None],
    codec: str = "",
    against: str = "",
) -> Claim:
    """A claim that all of some tests support, and that any of others that is known refutes.

    Args:
        results: on which it is tested.
        hypothesis, regime, primary, measures, against: see `Claim`.
        codec: the learned codec that it is about.
        support, refute: one-sided p-values; below 5 % is a bound beyond the margin. None where a
            figure is undefined.
    """
    known = [p for p in support if p is not None]
    p_support = max(known) if len(known) == len(support) else None
    least = min((p for p in refute if p is not None), default=None)
    alone = _outcome(p_support, least)
    reasons = dict.fromkeys(m.estimate.reason for m in measures if m.estimate.reason)
    return Claim(
        hypothesis=hypothesis,
        dataset=results.name,
        segmenter=results.segmenter,
        against=against,
        regime=regime,
        primary=primary,
        measures=tuple(measures),
        alone=alone,
        outcome=alone,
        p_support=p_support,
        p_refute=None if least is None else min(1.0, len(refute) * least),
        reason="; ".join(reasons),
        training_tiles=results.training_tiles,
        codec_training_tiles=results.codec_training_tiles.get(codec),
    )


def _outcome(p_support: float | None, p_refute: float | None) -> Outcome:
    """What two one-sided p-values say; support comes first."""
    if p_support is not None and p_support < ALPHA:
        return "supported"
    return "refuted" if p_refute is not None and p_refute < ALPHA else "undecided"


def _not_run(results: DatasetResults, hypothesis: Hypothesis, regime: str, reason: str) -> Claim:
    claim = _claim(results, hypothesis, regime, True, measures=(), support=[None], refute=[None])
    return claim.model_copy(update={"reason": reason})


def _untestable(claim: Claim) -> Claim:
    return claim.model_copy(
        update={
            "alone": "not testable",
            "outcome": "not testable",
            "p_support": None,
            "p_refute": None,
            "reason": "maps of originals are not shown to be better than the threshold baseline",
        }
    )
