"""Divide a scene's grid of tiles into strips, and strips into pieces that are read at once."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.io import DatasetReader
from rasterio.windows import Window

from workflow_lib.data.pixel_values import IGNORE, NODATA

_STRIP_PIXELS = 1024
_PIECE_BYTES = 8 * 2**20


@dataclass(frozen=True)
class Piece:
    """Rectangle of `rows` × `cols` tiles that are read at once; the first is (`row`, `col`)."""

    row: int
    col: int
    rows: int
    cols: int


@dataclass(frozen=True)
class Cell:
    """A tile's place in the scene's grid, and the counts of its label.

    Attributes:
        row, col: row and column in the grid of tiles.
        labelled: number of valid pixels that have a label.
        positive: number of labelled pixels of the positive class.
    """

    row: int
    col: int
    labelled: int
    positive: int


@dataclass(frozen=True)
class Found:
    """A tile with enough valid pixels.

    Attributes:
        cell: its place in the grid.
        pixels: uint16 [band, y, x], the label last; a view of its piece.
    """

    cell: Cell
    pixels: NDArray[np.uint16]


@dataclass(frozen=True)
class StripGrid:
    """A scene's grid of tiles, which starts at the scene's first pixel.

    Attributes:
        height, width: size of the scene, in pixels.
        layers: number of bands, plus one for the label.
        side: side of a tile, in pixels.
        block: side of the raster's internal blocks, in pixels.
    """

    height: int
    width: int
    layers: int
    side: int
    block: int

    @classmethod
    def over(cls, raster: DatasetReader, side: int) -> "StripGrid":
        """Lay a grid of tiles of this side, in pixels, over an open scene."""
        return cls(raster.height, raster.width, raster.count, side, raster.block_shapes[0][0])

    @property
    def rows(self) -> int:
        """Number of rows of tiles."""
        return -(-self.height // self.side)

    @property
    def cols(self) -> int:
        """Number of columns of tiles."""
        return -(-self.width // self.side)

    @property
    def strip_tiles(self) -> int:
        """Number of tiles in a strip."""
        return self._unit * self.cols

    @property
    def strip_bytes(self) -> int:
        """Size of a strip in memory, in bytes."""
        return self.strip_tiles * self._tile_bytes

    @property
    def piece_bytes(self) -> int:
        """Size of the largest piece in memory, in bytes."""
        return self._unit * min(self._wide, self.cols) * self._tile_bytes

    def strips(self) -> list[list[Piece]]:
        """List the strips from top to bottom, each as its pieces from left to right.

        Strips and pieces end where the raster's internal blocks end, so that no block is read
        twice. Where edges of tiles and blocks coincide too rarely, few blocks are read twice.
        """
        return [
            [
                Piece(
                    row,
                    col,
                    rows=min(self._unit, self.rows - row),
                    cols=min(self._wide, self.cols - col),
                )
                for col in range(0, self.cols, self._wide)
            ]
            for row in range(0, self.rows, self._unit)
        ]

    @property
    def _tile_bytes(self) -> int:
        return 2 * self.layers * self.side**2

    @property
    def _unit(self) -> int:
        return min(math.lcm(self.side, self.block), _STRIP_PIXELS) // self.side

    @property
    def _wide(self) -> int:
        return self._unit * max(1, _PIECE_BYTES // (self._unit**2 * self._tile_bytes))


def read_tiles(scene: Path, grid: StripGrid, piece: Piece, min_valid: float) -> list[Found]:
    """Read the tiles of a piece that have enough valid pixels, row by row.

    Pixels beyond the scene's edge are nodata, and ignored in the label.

    Raises:
        RasterioIOError: the raster is damaged.
    """
    pixels = _padded(scene, grid, piece)
    known = pixels[:-1].min(axis=0) != NODATA
    labelled = known & (pixels[-1] != IGNORE)
    side = grid.side
    shares = _sums(known, side) / side**2
    counts = _sums(labelled, side), _sums(labelled & (pixels[-1] == 1), side)
    return [
        Found(
            Cell(piece.row + row, piece.col + col, *(int(count[row, col]) for count in counts)),
            pixels[:, row * side : (row + 1) * side, col * side : (col + 1) * side],
        )
        for row, col in np.argwhere(shares >= min_valid).tolist()
    ]


def _padded(scene: Path, grid: StripGrid, piece: Piece) -> NDArray[np.uint16]:
    top, left = piece.row * grid.side, piece.col * grid.side
    height, width = piece.rows * grid.side, piece.cols * grid.side
    inside = Window(left, top, min(width, grid.width - left), min(height, grid.height - top))
    with rasterio.open(scene) as raster:
        pixels: NDArray[np.uint16] = raster.read(window=inside)
    if pixels.shape[1:] == (height, width):
        return pixels
    padded = np.full((len(pixels), height, width), NODATA, np.uint16)
    padded[-1] = IGNORE
    padded[:, : inside.height, : inside.width] = pixels
    return padded


def _sums(mask: NDArray[np.bool_], side: int) -> NDArray[np.int64]:
    rows, cols = mask.shape[0] // side, mask.shape[1] // side
    return np.asarray(mask.reshape(rows, side, cols, side).sum(axis=(1, 3)))
