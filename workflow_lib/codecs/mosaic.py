"""Tiles side by side in one image, so that bits flow between them."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from workflow_lib.data.pixel_values import NODATA
from workflow_lib.data.tiles import Tiles

_MOST_PLACES = 2
"""Places per tile in a scene's image; a codec wastes time and memory on empty ones."""


@dataclass(frozen=True)
class Mosaic:
    """Places of tiles in an image.

    Attributes:
        row, col: place of each tile in the mosaic's grid, int [tile].
        tile: side of a tile in pixels.
    """

    row: NDArray[np.int64]
    col: NDArray[np.int64]
    tile: int

    @classmethod
    def of(cls, tiles: Tiles) -> Self:
        """A near-square mosaic of the tiles of one scene; tiles of one block stay neighbours."""
        numbers, index = np.unique(tiles.block, return_inverse=True)
        # Places inside a block are counted from the block's own first row and column of tiles.
        first_row = np.array([tiles.row[index == i].min() for i in range(len(numbers))])
        first_col = np.array([tiles.col[index == i].min() for i in range(len(numbers))])
        row, col = tiles.row - first_row[index], tiles.col - first_col[index]
        side = max(int(row.max()), int(col.max())) + 1
        across = int(np.ceil(np.sqrt(len(numbers))))
        row, col = index // across * side + row, index % across * side + col
        return cls(_closed_up(row), _closed_up(col), tiles.image.shape[-1])

    @classmethod
    def of_scene(cls, tiles: Tiles) -> Self:
        """The tiles of one scene in their true places, less the rows and columns without any.

        Where most of that would be empty, the mosaic of their blocks.
        """
        placed = cls(_closed_up(tiles.row), _closed_up(tiles.col), tiles.image.shape[-1])
        rows, cols = placed.grid
        return placed if rows * cols <= _MOST_PLACES * len(tiles) else cls.of(tiles)

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of tiles."""
        return int(self.row.max()) + 1, int(self.col.max()) + 1

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        rows, cols = self.grid
        return rows * self.tile, cols * self.tile

    def assemble(self, image: NDArray[np.uint16]) -> NDArray[np.uint16]:
        """Tiles [tile, band, y, x] as one image [band, y, x]; places without a tile are nodata."""
        canvas = np.full((image.shape[1], *self.shape), NODATA, np.uint16)
        for place, tile in zip(self._places(), image, strict=True):
            canvas[place] = tile
        return canvas

    def take_apart(self, canvas: NDArray[np.uint16]) -> NDArray[np.uint16]:
        """The inverse of `assemble`."""
        return np.stack([canvas[place] for place in self._places()])

    def _places(self) -> list[tuple[slice, slice, slice]]:
        return [
            (
                slice(None),
                slice(row * self.tile, (row + 1) * self.tile),
                slice(col * self.tile, (col + 1) * self.tile),
            )
            for row, col in zip(self.row.tolist(), self.col.tolist(), strict=True)
        ]


def _closed_up(places: NDArray[np.integer]) -> NDArray[np.int64]:
    """Without the rows or columns of the grid that no tile uses."""
    return np.asarray(np.unique(places, return_inverse=True)[1], dtype=np.int64)


def fill(image: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Missing pixels of [band, y, x] take the nearest pixel that has every band.

    A codec then spends few bits on what is never scored.
    """
    missing = (image == NODATA).any(axis=0)
    if not missing.any():
        return image
    if missing.all():
        return np.ones_like(image)
    # imported here: it takes longer than most scenes, and most of them have no nodata
    from scipy.ndimage import distance_transform_edt

    rows, cols = distance_transform_edt(missing, return_distances=False, return_indices=True)
    return np.asarray(image[:, rows, cols])
