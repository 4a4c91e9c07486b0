"""From physical values to integer counts."""

import numpy as np
from numpy.typing import NDArray

from workflow_lib.config.datasets import Quantity
from workflow_lib.data.pixel_values import MAX_COUNT, NODATA
from workflow_lib.errors import DownlinkError

_SUSPICIOUS = 0.5


class Quantiser:
    """Counts of a scene's values, part by part, and what is to be said of them all.

    Args:
        quantity: scale and offset.
        scene: what messages call it.
    """

    def __init__(self, quantity: Quantity, scene: str = "") -> None:
        self._quantity = quantity
        self._prefix = f"{scene}: " if scene else ""
        self._known = 0
        self._outside = 0
        self._first = 0.0

    def counts(self, values: NDArray[np.floating]) -> NDArray[np.uint16]:
        """Counts of physical values, of the same shape.

        NaN and infinite values become nodata. What lies outside 1..65535 saturates, never wraps.
        """
        known = np.isfinite(values)
        counts = np.where(known, values, 0) - self._quantity.offset
        counts = np.rint(counts / self._quantity.scale)
        if self._known == 0 and known.any():
            self._first = values[known].flat[0]
        self._known += int(known.sum())
        self._outside += int((known & ((counts < 1) | (counts > MAX_COUNT))).sum())
        limited = np.clip(counts, 1, MAX_COUNT).astype(np.uint16)
        return np.where(known, limited, np.uint16(NODATA))

    def notes(self) -> list[str]:
        """How many values were saturated, if any.

        Raises:
            DownlinkError: most values lie outside, so the quantity must be wrong.
        """
        if self._outside > _SUSPICIOUS * self._known:
            raise DownlinkError(
                f"{self._prefix}{self._outside} of {self._known} values lie outside the counts "
                f"that quantity.scale {self._quantity.scale:g} and offset "
                f"{self._quantity.offset:g} can hold; the first is {self._first:g}. Correct "
                "quantity, or source.values."
            )
        if self._outside:
            return [
                f"{self._outside} of {self._known} values lay outside the counts and were "
                "saturated; where that is fill, set source.nodata"
            ]
        return []


def to_counts(
    values: NDArray[np.floating], quantity: Quantity, notes: list[str]
) -> NDArray[np.uint16]:
    """Counts of all physical values of a scene, of the same shape; see `Quantiser`.

    Args:
        values: physical values, any shape.
        quantity: scale and offset.
        notes: where the notes go.

    Raises:
        DownlinkError: most values lie outside, so the quantity must be wrong.
    """
    quantiser = Quantiser(quantity)
    counts = quantiser.counts(values)
    notes.extend(quantiser.notes())
    return counts
