"""Coding units: which tiles of a scene are coded as one image."""

from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from workflow_lib.codecs.mosaic import Mosaic
from workflow_lib.data.tiles import Tiles


@dataclass(frozen=True)
class CodingUnit:
    """Tiles that are coded as one image.

    Attributes:
        fold: their fold; 0 where the unit is a tile or the scene.
        tiles: their indices in the scene, int64 [tile].
        mosaic: their places in the image.
    """

    fold: int
    tiles: NDArray[np.int64]
    mosaic: Mosaic


def coding_units(tiles: Tiles, unit: str) -> list[CodingUnit]:
    """The coding units of a scene, in the order in which they are coded.

    Args:
        tiles: all tiles of one scene.
        unit: "fold", "tile" or "scene".
    """
    every = np.arange(len(tiles))
    if unit == "tile":
        only = Mosaic(np.zeros(1, np.int64), np.zeros(1, np.int64), tiles.image.shape[-1])
        return [CodingUnit(0, every[i : i + 1], only) for i in range(len(tiles))]
    if unit == "scene":
        return [CodingUnit(0, every, Mosaic.of_scene(tiles))]
    return [
        CodingUnit(fold, every[tiles.fold == fold], Mosaic.of(tiles.of_fold(fold)))
        for fold in np.unique(tiles.fold).tolist()
    ]


def places(tiles: Tiles, units: list[CodingUnit]) -> int:
    """CRC-32 of where every tile lies in the scene and in its unit's image.

    Over the units in order: rows and columns in the scene, then those in the image, as
    little-endian int32.
    """
    check = 0
    for unit in units:
        lies = (tiles.row[unit.tiles], tiles.col[unit.tiles], unit.mosaic.row, unit.mosaic.col)
        check = crc32(np.stack(lies).astype("<i4").tobytes(), check)
    return check
