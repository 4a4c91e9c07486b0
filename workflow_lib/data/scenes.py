"""A scene: one acquisition's bands and label on a common grid."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.transform import Affine

NODATA = 0
"""Count of a missing pixel."""
MAX_COUNT = 65535
"""Largest count; larger values saturate."""
IGNORE = 255
"""Label of a pixel that counts nowhere."""


@dataclass(frozen=True)
class Scene:
    """Bands and label of one acquisition.

    Attributes:
        image: counts, uint16 [band, y, x]; 0 is nodata.
        label: uint8 [y, x]; 1 the class looked for, 0 not, 255 ignore.
        transform: pixel to map coordinates.
        crs: None where the raster has none.
        notes: what was done to the values that a reader should know, e.g. saturation.
    """

    image: NDArray[np.uint16]
    label: NDArray[np.uint8]
    transform: Affine
    crs: CRS | None
    notes: list[str] = field(default_factory=list)
