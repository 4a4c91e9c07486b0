"""Draw labelled crops for training a segmenter."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from workflow_lib.data.pixel_values import IGNORE
from workflow_lib.data.tiles import Tiles
from workflow_lib.segmentation.labels import scored_label
from workflow_lib.training.crops import SYMMETRIES, Crop, stacked


class Labelled(NamedTuple):
    """Counts, uint16 [crop, band, y, x], and their labels, uint8 [crop, y, x]."""

    image: Tensor
    label: Tensor


class Crops:
    """Square crops of labelled tiles, rotated and mirrored at random.

    Half of the crops of a batch contain at least one positive pixel. Otherwise training would
    rarely see a rare class.
    """

    def __init__(self, tiles: Tiles, batch: int, side: int) -> None:
        self._image, self._label = tiles.image, scored_label(tiles)
        self._batch, self._side = batch, side
        self._labelled = np.flatnonzero((self._label != IGNORE).any(axis=(1, 2)))
        self._positive = np.argwhere(self._label == 1)

    def draw(self, generator: torch.Generator) -> Labelled:
        """Draw the crops of one batch."""
        crops = self.choose(generator)
        return Labelled(stacked(self._image, crops), stacked(self._label, crops))

    def choose(self, generator: torch.Generator) -> list[Crop]:
        """Choose the positions and symmetries of one batch's crops."""
        chances = torch.rand(self._batch, 4, generator=generator, dtype=torch.float64).tolist()
        return [self._crop(number, *chance) for number, chance in enumerate(chances)]

    def _crop(self, number: int, which: float, down: float, right: float, turn: float) -> Crop:
        height, width = self._label.shape[1:]
        if number % 2 == 0:
            tile, y, x = self._positive[int(which * len(self._positive))].tolist()
            top, left = self._start(down, y, height), self._start(right, x, width)
        else:
            tile = int(self._labelled[int(which * len(self._labelled))])
            top, left = int(down * self._spare(height)), int(right * self._spare(width))
        return Crop(tile, top, left, self._side, int(turn * SYMMETRIES))

    def _spare(self, length: int) -> int:
        return length - self._side + 1

    def _start(self, chance: float, pixel: int, length: int) -> int:
        """Choose a crop's first row or column, uniformly among those that include the pixel."""
        first = max(0, pixel - self._side + 1)
        last = min(pixel, length - self._side)
        return int(first + chance * (last - first + 1))
