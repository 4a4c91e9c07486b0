"""From physical values to integer counts."""

import numpy as np
from numpy.typing import NDArray

from workflow_lib.config.data import Quantity
from workflow_lib.data.scenes import MAX_COUNT, NODATA
from workflow_lib.errors import DownlinkError

_SUSPICIOUS = 0.5


def to_counts(
    values: NDArray[np.floating], quantity: Quantity, notes: list[str]
) -> NDArray[np.uint16]:
    """Counts of physical values, of the same shape.

    NaN and infinite values become nodata. What lies outside 1..65535 saturates, never wraps, and a
    note says how many values did.

    Args:
        values: physical values, any shape.
        quantity: scale and offset.
        notes: where the note goes.

    Raises:
        DownlinkError: most values lie outside, so the quantity must be wrong.
    """
    known = np.isfinite(values)
    counts = np.rint((np.where(known, values, 0) - quantity.offset) / quantity.scale)
    outside = int((known & ((counts < 1) | (counts > MAX_COUNT))).sum())
    if outside > _SUSPICIOUS * known.sum():
        raise DownlinkError(
            f"{outside} of {known.sum()} values lie outside the counts that quantity.scale "
            f"{quantity.scale:g} and offset {quantity.offset:g} can hold; the first is "
            f"{values[known].flat[0]:g}. Correct quantity, or source.values."
        )
    if outside:
        notes.append(f"{outside} of {known.sum()} values lay outside the counts and were saturated")
    limited = np.clip(counts, 1, MAX_COUNT).astype(np.uint16)
    return np.where(known, limited, np.uint16(NODATA))
