"""Draw square crops of tiles, rotated and mirrored, for all trainings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

SYMMETRIES = 8
"""Number of symmetries of a square."""


@dataclass(frozen=True)
class Crop:
    """A square of one tile, in one of its eight orientations.

    Attributes:
        tile: index of the tile.
        top, left: first row and column.
        side: height and width in pixels.
        symmetry: 0 to 7; see `turned`.
    """

    tile: int
    top: int
    left: int
    side: int
    symmetry: int

    def of(self, array: NDArray[Any]) -> NDArray[Any]:
        """Cut the crop [..., side, side] out of an array [tile, ..., y, x]."""
        rows = slice(self.top, self.top + self.side)
        cols = slice(self.left, self.left + self.side)
        return turned(array[self.tile, ..., rows, cols], self.symmetry)


def stacked(array: NDArray[Any], crops: Sequence[Crop]) -> Tensor:
    """Stack crops of an array [tile, ..., y, x] to a tensor [crop, ..., side, side]."""
    return torch.from_numpy(np.stack([crop.of(array) for crop in crops]))


def anywhere(
    shape: tuple[int, ...], count: int, side: int, generator: torch.Generator
) -> list[Crop]:
    """Choose crops of an array of `shape` [tile, ..., y, x] uniformly at random."""

    def draw(bound: int) -> list[int]:
        return torch.randint(bound, (count,), generator=generator).tolist()

    tiles, height, width = shape[0], *shape[-2:]
    drawn = zip(
        draw(tiles), draw(height - side + 1), draw(width - side + 1), draw(SYMMETRIES), strict=True
    )
    return [Crop(tile, top, left, side, symmetry) for tile, top, left, symmetry in drawn]


def turned(array: NDArray[Any], symmetry: int) -> NDArray[Any]:
    """Apply one of the square's eight symmetries, 0 to 7, to the last two axes."""
    quarter = np.rot90(array, symmetry % 4, axes=(-2, -1))
    return quarter[..., ::-1] if symmetry >= 4 else quarter
