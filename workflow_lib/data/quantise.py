"""Quantise physical values to integer counts."""

import numpy as np
from numpy.typing import NDArray

from workflow_lib.config.datasets import Quantity
from workflow_lib.data.pixel_values import MAX_COUNT, NODATA
from workflow_lib.errors import DownlinkError

_SUSPICIOUS = 0.5


class Quantiser:
    """Quantise a scene part by part, and count the values that saturate.

    Args:
        quantity: scale and offset.
        scene: the scene's name in messages.
    """

    def __init__(self, quantity: Quantity, scene: str = "") -> None:
        self._quantity = quantity
        self._prefix = f"{scene}: " if scene else ""
        self._known = 0
        self._outside = 0
        self._first = 0.0

    def counts(self, values: NDArray[np.floating]) -> NDArray[np.uint16]:
        """Convert physical values to counts, uint16 of the same shape.

        NaN and infinite values become nodata. Counts outside 1..65535 saturate; they never wrap.
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
        """Report how many values saturated; the list is empty if none did.

        Raises:
            DownlinkError: most values saturated, so that `quantity` must be wrong.
        """
        if self._outside > _SUSPICIOUS * self._known:
            raise DownlinkError(
                f"{self._prefix}{self._outside} of {self._known} values are outside the counts "
                f"that quantity.scale {self._quantity.scale:g} and offset "
                f"{self._quantity.offset:g} can represent; the first is {self._first:g}. Correct "
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
    """Convert all physical values of a scene to counts, uint16 of the same shape.

    Args:
        values: physical values, any shape.
        quantity: scale and offset.
        notes: list to which the notes of `Quantiser` are appended.

    Raises:
        DownlinkError: most values saturated, so that `quantity` must be wrong.
    """
    quantiser = Quantiser(quantity)
    counts = quantiser.counts(values)
    notes.extend(quantiser.notes())
    return counts
