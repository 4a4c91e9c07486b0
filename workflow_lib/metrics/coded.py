"""Rate and distortion of a coded scene's held-out tiles."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workflow_lib.codecs.base import CodedBytes
from workflow_lib.codecs.coding import UnitSize
from workflow_lib.data.tiles import Tiles
from workflow_lib.metrics import names
from workflow_lib.metrics.distortion import measure
from workflow_lib.metrics.rate import rates
from workflow_lib.metrics.table import Key, join, pooled_rows, tile_rows


def coded_table(
    key: Key, tiles: Tiles, image: NDArray[np.uint16], sizes: list[UnitSize]
) -> pd.DataFrame:
    """Figures of every held-out tile, and of the scene's held-out tiles together.

    Args:
        key: dataset, codec and rate.
        tiles: all tiles of the scene.
        image: what the bitstream decodes to, uint16 [tile, band, y, x].
        sizes: of all coding units; those of held-out folds count.
    """
    held_out = tiles.where("test")
    if not len(held_out):
        return pooled_rows(key, {})
    distortion = measure(held_out, image[tiles.split == "test"])
    scored = [size for size in sizes if size.fold in held_out.fold]
    coded = sum((size.coded for size in scored), start=CodedBytes(0, 0, 0))
    figures = {
        **distortion.pooled(),
        **rates(coded, int(held_out.valid.sum()), tiles.info),
        names.AT_FLOOR: float(any(size.at_floor for size in scored)),
    }
    scene = str(tiles.scene[0])
    return join(
        [
            tile_rows(key, held_out, distortion.per_tile()),
            pooled_rows(key, figures, scene),
        ]
    )
