"""The threshold baseline: the best map by one threshold, which a segmenter has to beat."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Self

import numpy as np
from numpy.typing import NDArray

from workflow_lib.data.pixel_values import IGNORE
from workflow_lib.data.tiles import Tiles
from workflow_lib.segmentation.labels import require_both_classes, scored_label
from workflow_lib.segmentation.thresholds import LEVELS, best_cuts

_HALF = LEVELS // 2


@dataclass(frozen=True)
class ThresholdBaseline:
    """A constant map, or a threshold on one band's counts or on a normalised difference of two.

    Attributes:
        name: the rule as text, e.g. "B11 > 2143".
        bands: indices of the used bands: none, one, or the two of (a − b) / (a + b).
        threshold: threshold of the counts or, for a normalised difference d, of ⌊(d + 1) · 32768⌋.
        above: True: pixels above the threshold are positive; False: pixels at or below it are.
        iou: pooled IoU on the tiles on which the baseline was chosen.
    """

    name: str
    bands: tuple[int, ...]
    threshold: int
    above: bool
    iou: float

    def predict(self, image: NDArray[np.uint16]) -> NDArray[np.bool_]:
        """Map counts [tile, band, y, x] to classes, bool [tile, y, x]."""
        if not self.bands:
            return np.full((len(image), *image.shape[2:]), self.above)
        above = _levels(*(image[:, band] for band in self.bands)) > self.threshold
        return above if self.above else ~above

    def to_json(self) -> str:
        """Serialise to one line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read the baseline that `to_json` wrote."""
        stored = json.loads(text)
        return cls(**{**stored, "bands": tuple(stored["bands"])})


def choose(tiles: Tiles) -> ThresholdBaseline:
    """Choose the threshold baseline with the best pooled IoU on training and validation tiles.

    The search compares all thresholds of every band (in counts) and of every pair's normalised
    difference (in steps of 2⁻¹⁵). It leaves out ignored and nodata pixels.

    Raises:
        DownlinkError: the training tiles lack one of the classes.
    """
    require_both_classes(tiles, "train")
    known = tiles.where("train", "validation")
    label = scored_label(known)
    by_band = known.image.swapaxes(0, 1)
    positive, negative = by_band[:, label == 1], by_band[:, label == 0]
    share = positive.shape[1] / np.count_nonzero(label != IGNORE)
    best = ThresholdBaseline("all positive", (), 0, True, share)
    for bands in _features(len(tiles.info.bands)):
        cuts = best_cuts(_levels(*positive[list(bands)]), _levels(*negative[list(bands)]))
        for cut in cuts:
            if cut.iou > best.iou:
                name = _name([tiles.info.bands[b] for b in bands], cut.threshold, cut.above)
                best = ThresholdBaseline(name, bands, cut.threshold, cut.above, cut.iou)
    return best


def _features(bands: int) -> Iterator[tuple[int, ...]]:
    yield from combinations(range(bands), 1)
    yield from combinations(range(bands), 2)


def _levels(
    first: NDArray[np.uint16], second: NDArray[np.uint16] | None = None
) -> NDArray[np.int64]:
    if second is None:
        return first.astype(np.int64)
    a, b = first.astype(np.float64), second.astype(np.float64)
    # If both bands are nodata, the level is that of equal bands.
    difference = (a - b) / np.maximum(a + b, 1)
    return np.minimum((difference + 1) * _HALF, LEVELS - 1).astype(np.int64)


def _name(bands: list[str], threshold: int, above: bool) -> str:
    if len(bands) == 1:
        return f"{bands[0]} {'>' if above else '≤'} {threshold}"
    a, b = bands
    # The first level above the threshold is one step higher.
    edge = (threshold + 1) / _HALF - 1
    return f"({a}−{b})/({a}+{b}) {'≥' if above else '<'} {edge:.4f}"
