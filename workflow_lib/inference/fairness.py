"""Whether a comparison is fair, computed and not written."""

import numpy as np

from workflow_lib.config.study import Study
from workflow_lib.inference.claims import learned, of_kind
from workflow_lib.inference.curves import MIN_OCTAVES
from workflow_lib.inference.dataset_results import DatasetResults
from workflow_lib.inference.findings import Check
from workflow_lib.inference.points import ORIGINAL, RatePoint
from workflow_lib.measure import metric_names

WEAK_CEILING = 0.5
"""IoU on originals below which a segmenter says little about codecs."""
FEW_POSITIVE_BLOCKS = 10
"""Blocks with positives below which intervals are rough."""
FEW_SCENES = 5
"""Scenes below which intervals say little about others."""
MUCH_OVERHEAD = 0.1
"""Share of bytes beside the payload from which containers are compared, not codecs."""
MUCH_OVERFITTING_DB = 1.0
"""Gap between training and scored tiles, beyond that of classical codecs, that is overfitting."""


def checks(study: Study, results: DatasetResults, testable: bool) -> tuple[Check, ...]:
    """The answers on one dataset with one segmenter.

    Args:
        study: for the kinds of codecs.
        results: of the dataset and segmenter.
        testable: whether the maps of originals are better than the threshold baseline.
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


def _rates_overlap(study: Study, results: DatasetResults) -> Check:
    question = "Do rate ranges overlap?"
    anchors = of_kind(study, results, "jpeg2000")
    if not anchors:
        return Check(question=question, fair=False, answer="No codec of kind jpeg2000 was run.")
    others = [codec for codec in results.dataset.rates if codec != anchors[0]]
    octaves = {codec: _octaves(results, anchors[0], codec) for codec in others}
    listed = ", ".join(f"{codec} {overlap:.1f}" for codec, overlap in octaves.items())
    return Check(
        question=question,
        fair=all(overlap >= MIN_OCTAVES for overlap in octaves.values()),
        answer=f"Octaves of rate shared with {anchors[0]}: {listed or 'no other codec'}; "
        f"{MIN_OCTAVES:g} are needed.",
    )


def _octaves(results: DatasetResults, *codecs: str) -> float:
    """Octaves of actual rate that codecs share, lossless points left out."""
    rates = [
        [results.rate(p) for p in results.points(codec, "") if not results.lossless(p)]
        for codec in codecs
    ]
    if not all(rates):
        return 0.0
    low, high = max(map(min, rates)), min(map(max, rates))
    return max(0.0, float(np.log2(high / low))) if low > 0 else 0.0


def _above_floors(results: DatasetResults) -> Check:
    floored = [
        f"{point} ({results.rate(point):.3f} bpppb)"
        for point in _standalone(results)
        if results.pooled.get((point, metric_names.AT_FLOOR), 0) > 0
    ]
    return Check(
        question="Does every codec go as low as asked?",
        fair=not floored,
        answer=f"At their floor: {', '.join(floored)}." if floored else "Yes, at every point.",
    )


def _payload(results: DatasetResults) -> Check:
    worst: dict[str, tuple[float, RatePoint]] = {}
    for point in _standalone(results):
        share = _overhead(results, point)
        worst[point.codec] = max(worst.get(point.codec, (share, point)), (share, point))
    listed = ", ".join(f"{point} {100 * share:.1f} %" for share, point in worst.values())
    return Check(
        question="What share of the bytes is not payload?",
        fair=all(share < MUCH_OVERHEAD for share, _ in worst.values()),
        answer=f"Headers and side information at most, by codec: {listed}.",
    )


def _overhead(results: DatasetResults, point: RatePoint) -> float:
    payload, *beside = (
        results.pooled.get((point, name), 0.0)
        for name in (metric_names.PAYLOAD_BYTES, metric_names.HEADER_BYTES, metric_names.SIDE_BYTES)
    )
    total = payload + sum(beside)
    return sum(beside) / total if total else 0.0


def _ceiling(results: DatasetResults, testable: bool) -> Check:
    question = "Is the segmenter strong enough to tell codecs apart?"
    if ORIGINAL not in results.iou:
        return Check(question=question, fair=False, answer="No maps of originals were made.")
    ceiling, gate = results.iou[ORIGINAL].value, results.gate()
    bound = "unknown" if gate.lower is None else f"{gate.lower:+.3f}"
    weak = f"; below {WEAK_CEILING:g} it is weak" if ceiling < WEAK_CEILING else ""
    return Check(
        question=question,
        fair=testable and ceiling >= WEAK_CEILING,
        answer=f"IoU on originals is {ceiling:.3f}{weak}. Lower bound of its lead over the best "
        f"threshold baseline: {bound}.",
    )


def _positives(results: DatasetResults) -> Check:
    holding, blocks = int(results.positive.sum()), len(results.positive)
    few = f"; with fewer than {FEW_POSITIVE_BLOCKS} intervals are rough"
    return Check(
        question="How many blocks hold positives?",
        fair=holding >= FEW_POSITIVE_BLOCKS,
        answer=f"{holding} of {blocks}{few if holding < FEW_POSITIVE_BLOCKS else ''}.",
    )


def _several_scenes(results: DatasetResults) -> Check:
    few = results.scenes < FEW_SCENES
    many = f"{results.scenes} scene{'s' * (results.scenes != 1)}"
    return Check(
        question="Do the blocks lie in several scenes?",
        fair=not few,
        answer=f"In {many}"
        + (f"; with fewer than {FEW_SCENES} intervals are conditional on these." if few else "."),
    )


def _independent_blocks(results: DatasetResults) -> Check:
    tiling = results.dataset.tiling
    merged = results.block_px // (tiling.tile * tiling.folds.block_tiles)
    said = f", {merged} × {merged} blocks of the folds" if merged > 1 else ""
    return Check(
        question="Are the resampled blocks as wide as the labels are correlated?",
        fair=results.block_px >= results.correlation_px and merged == 1,
        answer=f"They are {results.block_px} px wide{said}; the correlation length is "
        f"{results.correlation_px:.0f} px."
        + (" Training and scored blocks are closer than that." if merged > 1 else ""),
    )


def _not_overfitted(study: Study, results: DatasetResults) -> Check:
    question = "Do learned codecs know their training tiles better than others?"
    chosen, other = learned(study, results), results.dataset.codec_from
    if chosen and other:  # the gap would be of tiles that the codec never saw
        return Check(question=question, fair=False, answer=f"Not known here: trained on {other}.")
    classical = [p for p in _standalone(results) if p.codec not in chosen]
    gaps = {codec: _worst_excess(results, codec, classical) for codec in chosen}
    known = {codec: gap for codec, gap in gaps.items() if gap is not None}
    listed = "; ".join(
        f"{codec} {own:+.1f} dB (classical codecs {other:+.1f} dB)"
        for codec, (own, other) in known.items()
    )
    unknown = "No learned codec was run." if not chosen else "Not known: PSNR of training tiles."
    return Check(
        question=question,
        fair=all(own - other <= MUCH_OVERFITTING_DB for own, other in known.values())
        and len(known) == len(chosen),
        answer=f"PSNR of training tiles less that of scored ones: {listed}." if known else unknown,
    )


def _worst_excess(
    results: DatasetResults, codec: str, classical: list[RatePoint]
) -> tuple[float, float] | None:
    """The gap of a learned codec that exceeds most that of classical ones at the nearest PSNR."""
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
    training = results.pooled.get((point, metric_names.PSNR_TRAINING_DB))
    scored = results.psnr[point].value
    if training is None or not np.isfinite(training) or not np.isfinite(scored):
        return None
    return training - scored


def _own_training(study: Study, results: DatasetResults) -> Check:
    other = results.dataset.codec_from
    if not learned(study, results):
        answer = "No learned codec was run."
    elif other:
        answer = f"No: on those of {other}."
    else:
        answer = "Yes."
    return Check(
        question="Were learned codecs trained on this dataset's own tiles?",
        fair=not other or not learned(study, results),
        answer=answer,
    )


def _several_seeds(results: DatasetResults) -> Check:
    one = results.seeds == 1
    return Check(
        question="Was everything trained more than once?",
        fair=not one,
        answer="No: one seed, so that intervals are conditional on one training."
        if one
        else f"Yes: {results.seeds} seeds.",
    )


def _standalone(results: DatasetResults) -> list[RatePoint]:
    return [p for codec in results.dataset.rates for p in results.points(codec, "")]
