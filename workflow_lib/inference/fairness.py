"""Check from the results whether a comparison of codecs is fair."""

import numpy as np

from workflow_lib.config.study import Study
from workflow_lib.inference.claims import learned, of_kind
from workflow_lib.inference.curves import MIN_OCTAVES
from workflow_lib.inference.dataset_results import DatasetResults
from workflow_lib.inference.findings import FairnessCheck
from workflow_lib.inference.points import ORIGINAL, RatePoint
from workflow_lib.measure import metric_names

WEAK_CEILING = 0.5
"""IoU on originals below which a segmenter is too weak to compare codecs."""
FEW_POSITIVE_BLOCKS = 10
"""Number of blocks with positives below which intervals are rough."""
FEW_SCENES = 5
"""Number of scenes below which intervals do not extend to other scenes."""
MUCH_OVERHEAD = 0.1
"""Share of headers and side information from which a comparison is about containers."""
MUCH_OVERFITTING_DB = 1.0
"""Excess of a learned codec's PSNR gap, training − scored tiles, that counts as overfitting."""


def checks(study: Study, results: DatasetResults, testable: bool) -> tuple[FairnessCheck, ...]:
    """Answer all questions of fairness on one dataset with one segmenter.

    Args:
        study: gives the kinds of codecs.
        results: results of the dataset and segmenter.
        testable: whether maps of originals are better than the threshold baseline.
    """
    return (
        _rates_overlap(study, results),
        _above_floors(results),
        _payload(results),
        _ceiling(results, testable),
        _positives(results),
        _several_scenes(results),
        _independent_blocks(results),
        _not_overfitted(study, results),
        _own_training(study, results),
        _several_seeds(results),
    )


def _rates_overlap(study: Study, results: DatasetResults) -> FairnessCheck:
    question = "Do rate ranges overlap?"
    anchors = of_kind(study, results, "jpeg2000")
    if not anchors:
        return FairnessCheck(
            question=question, fair=False, answer="No codec of kind jpeg2000 was run."
        )
    others = [codec for codec in results.dataset.rates if codec != anchors[0]]
    octaves = {codec: _octaves(results, anchors[0], codec) for codec in others}
    listed = ", ".join(f"{codec} {overlap:.1f}" for codec, overlap in octaves.items())
    return FairnessCheck(
        question=question,
        fair=all(overlap >= MIN_OCTAVES for overlap in octaves.values()),
        answer=f"Octaves of rate shared with {anchors[0]}: {listed or 'no other codec'}; "
        f"{MIN_OCTAVES:g} are needed.",
    )


def _octaves(results: DatasetResults, *codecs: str) -> float:
    """Octaves of actual rate that codecs share, without lossless points."""
    rates = [
        [results.rate(p) for p in results.points(codec, "") if not results.lossless(p)]
        for codec in codecs
    ]
    if not all(rates):
        return 0.0
    low, high = max(map(min, rates)), min(map(max, rates))
    return max(0.0, float(np.log2(high / low))) if low > 0 else 0.0


def _above_floors(results: DatasetResults) -> FairnessCheck:
    floored = [
        f"{point} ({results.rate(point):.3f} bpppb)"
        for point in _standalone(results)
        if results.pooled.get((point, metric_names.AT_FLOOR), 0) > 0
    ]
    return FairnessCheck(
        question="Does every codec reach the requested rates?",
        fair=not floored,
        answer=f"Not at these points, where the rate is the lowest possible: {', '.join(floored)}."
        if floored
        else "Yes, at every point.",
    )


def _payload(results: DatasetResults) -> FairnessCheck:
    worst: dict[str, tuple[float, RatePoint]] = {}
    for point in _standalone(results):
        share = _overhead(results, point)
        worst[point.codec] = max(worst.get(point.codec, (share, point)), (share, point))
    listed = ", ".join(f"{point} {100 * share:.1f} %" for share, point in worst.values())
    return FairnessCheck(
        question="What share of the bytes is not payload?",
        fair=all(share < MUCH_OVERHEAD for share, _ in worst.values()),
        answer=f"Largest share of headers and side information, by codec: {listed}.",
    )


def _overhead(results: DatasetResults, point: RatePoint) -> float:
    payload, *beside = (
        results.pooled.get((point, name), 0.0)
        for name in (metric_names.PAYLOAD_BYTES, metric_names.HEADER_BYTES, metric_names.SIDE_BYTES)
    )
    total = payload + sum(beside)
    return sum(beside) / total if total else 0.0


def _ceiling(results: DatasetResults, testable: bool) -> FairnessCheck:
    question = "Is the segmenter strong enough to compare codecs?"
    if ORIGINAL not in results.iou:
        return FairnessCheck(
            question=question, fair=False, answer="No maps of originals were made."
        )
    ceiling, gate = results.iou[ORIGINAL].value, results.gate()
    bound = "unknown" if gate.lower is None else f"{gate.lower:+.3f}"
    weak = f"; a segmenter below {WEAK_CEILING:g} is weak" if ceiling < WEAK_CEILING else ""
    return FairnessCheck(
        question=question,
        fair=testable and ceiling >= WEAK_CEILING,
        answer=f"IoU on originals is {ceiling:.3f}{weak}. Lower bound of IoU minus that of the "
        f"threshold baseline: {bound}.",
    )


def _positives(results: DatasetResults) -> FairnessCheck:
    holding, blocks = int(results.positive.sum()), len(results.positive)
    few = f"; intervals are rough with fewer than {FEW_POSITIVE_BLOCKS}"
    return FairnessCheck(
        question="How many blocks hold positives?",
        fair=holding >= FEW_POSITIVE_BLOCKS,
        answer=f"{holding} of {blocks}{few if holding < FEW_POSITIVE_BLOCKS else ''}.",
    )


def _several_scenes(results: DatasetResults) -> FairnessCheck:
    few = results.scenes < FEW_SCENES
    many = f"{results.scenes} scene{'s' * (results.scenes != 1)}"
    return FairnessCheck(
        question="Do the blocks lie in several scenes?",
        fair=not few,
        answer=f"In {many}"
        + (f"; intervals hold for these scenes only (fewer than {FEW_SCENES})." if few else "."),
    )


def _independent_blocks(results: DatasetResults) -> FairnessCheck:
    tiling = results.dataset.tiling
    merged = results.block_px // (tiling.tile * tiling.folds.block_tiles)
    joined = f" ({merged} × {merged} fold blocks)" if merged > 1 else ""
    return FairnessCheck(
        question="Are the resampled blocks as wide as the labels are correlated?",
        fair=results.block_px >= results.correlation_px and merged == 1,
        answer=f"They are {results.block_px} px wide{joined}; the correlation length is "
        f"{results.correlation_px:.0f} px."
        + (" Training and scored tiles may be closer than that." if merged > 1 else ""),
    )


def _not_overfitted(study: Study, results: DatasetResults) -> FairnessCheck:
    question = "Do learned codecs overfit their training tiles?"
    chosen, other = learned(study, results), results.dataset.codec_from
    if chosen and other:  # the codec was not trained on this dataset's training tiles
        return FairnessCheck(question=question, fair=False, answer=f"Unknown: trained on {other}.")
    classical = [p for p in _standalone(results) if p.codec not in chosen]
    gaps = {codec: _worst_excess(results, codec, classical) for codec in chosen}
    known = {codec: gap for codec, gap in gaps.items() if gap is not None}
    listed = "; ".join(
        f"{codec} {own:+.1f} dB (classical codecs {other:+.1f} dB)"
        for codec, (own, other) in known.items()
    )
    unknown = "No learned codec was run." if not chosen else "Unknown: PSNR of training tiles."
    return FairnessCheck(
        question=question,
        fair=all(own - other <= MUCH_OVERFITTING_DB for own, other in known.values())
        and len(known) == len(chosen),
        answer=f"PSNR of training tiles minus that of scored tiles: {listed}."
        if known
        else unknown,
    )


def _worst_excess(
    results: DatasetResults, codec: str, classical: list[RatePoint]
) -> tuple[float, float] | None:
    """Largest excess of a learned codec's gap over that of classical codecs at the nearest PSNR.

    Returns:
        Both gaps in dB, or None if the learned codec has no known gap.
    """
    contrast = {p: g for p in classical if (g := _gap(results, p)) is not None}
    found = []
    for point in results.points(codec, ""):
        own = _gap(results, point)
        if own is not None:
            psnr = results.psnr[point].value
            nearest = min(contrast, key=lambda p: abs(results.psnr[p].value - psnr), default=None)
            found.append((own, 0.0 if nearest is None else contrast[nearest]))
    return max(found, key=lambda pair: pair[0] - pair[1], default=None)


def _gap(results: DatasetResults, point: RatePoint) -> float | None:
    """PSNR of training tiles minus PSNR of scored tiles, in dB."""
    training = results.pooled.get((point, metric_names.PSNR_TRAINING_DB))
    scored = results.psnr[point].value
    if training is None or not np.isfinite(training) or not np.isfinite(scored):
        return None
    return training - scored


def _own_training(study: Study, results: DatasetResults) -> FairnessCheck:
    other = results.dataset.codec_from
    if not learned(study, results):
        answer = "No learned codec was run."
    elif other:
        answer = f"No: on tiles of {other}."
    else:
        answer = "Yes."
    return FairnessCheck(
        question="Were learned codecs trained on this dataset's own tiles?",
        fair=not other or not learned(study, results),
        answer=answer,
    )


def _several_seeds(results: DatasetResults) -> FairnessCheck:
    one = results.seeds == 1
    return FairnessCheck(
        question="Was everything trained more than once?",
        fair=not one,
        answer="No: with one seed, intervals are conditional on one training."
        if one
        else f"Yes: {results.seeds} seeds.",
    )


def _standalone(results: DatasetResults) -> list[RatePoint]:
    return [p for codec in results.dataset.rates for p in results.points(codec, "")]
