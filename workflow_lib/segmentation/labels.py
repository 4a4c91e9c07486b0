"""Select the pixels on which maps are trained and scored."""

import numpy as np
from numpy.typing import NDArray

from workflow_lib.data.pixel_values import IGNORE
from workflow_lib.data.tiles import Tiles
from workflow_lib.errors import DownlinkError


def scored_label(tiles: Tiles) -> NDArray[np.uint8]:
    """Return the labels with nodata pixels set to ignore (255), uint8 [tile, y, x]."""
    return np.where(tiles.valid, tiles.label, np.uint8(IGNORE))


def require_both_classes(tiles: Tiles, *splits: str) -> None:
    """Check that each split has labelled pixels of both classes.

    Raises:
        DownlinkError: a split lacks a class.
    """
    for split in splits:
        label = scored_label(tiles.where(split))
        for value, meaning in ((1, "positive"), (0, "negative")):
            if not (label == value).any():
                raise DownlinkError(
                    f"{tiles.info.dataset}: no {meaning} labelled pixel in the {split} tiles. "
                    "Check source.positive, source.ignore and the label rasters' nodata value; or "
                    "choose another tiling.folds.salt, a larger tiling.folds.validation_fraction, "
                    "or labels that cover more of the scenes."
                )
