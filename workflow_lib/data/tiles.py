"""Tiles in memory."""

import hashlib
from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from workflow_lib.data.info import TileInfo
from workflow_lib.data.pixel_values import NODATA


@dataclass(frozen=True)
class Tiles:
    """Tiles of one or several scenes in memory.

    Attributes:
        image: counts, uint16 [tile, band, y, x]; 0 is nodata.
        label: uint8 [tile, y, x]; 1 positive class, 0 other, 255 ignore.
        scene: name of each tile's scene, str [tile].
        row, col: place of each tile in its scene's grid of tiles, int32 [tile].
        block: number of each tile's spatial block, unique within its scene, int32 [tile].
        fold: number of each tile's fold, int32 [tile].
        validation: whether the tile is used for validation, not training, while another fold is
            held out, bool [tile].
        split: "train", "validation" or "test", str [tile]; see `holding_out`.
        info: metadata that all tiles share.
    """

    image: NDArray[np.uint16]
    label: NDArray[np.uint8]
    scene: NDArray[np.str_]
    row: NDArray[np.int32]
    col: NDArray[np.int32]
    block: NDArray[np.int32]
    fold: NDArray[np.int32]
    validation: NDArray[np.bool_]
    split: NDArray[np.str_]
    info: TileInfo

    def __len__(self) -> int:
        return len(self.image)

    @property
    def valid(self) -> NDArray[np.bool_]:
        """Mask of the pixels with a value in every band, bool [tile, y, x]."""
        return np.asarray((self.image != NODATA).all(axis=1))

    def digest(self) -> str:
        """Compute the SHA-256 of counts, labels and splits."""
        digest = hashlib.sha256()
        for array in (self.image, self.label, self.split):
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()

    def moments(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Compute mean and standard deviation of each band over the valid pixels, float32 [band].

        A standard deviation of (almost) 0 becomes 1.
        """
        pixels = self.image.swapaxes(0, 1)[:, self.valid]
        mean = pixels.mean(axis=1, dtype=np.float64)
        std = pixels.std(axis=1, dtype=np.float64)
        return mean.astype(np.float32), np.where(std > 1e-6, std, 1).astype(np.float32)

    def holding_out(self, fold: int | None) -> Self:
        """Return the tiles with one fold for testing, the others for training and validation."""
        trained = np.where(self.validation, "validation", "train")
        return replace(self, split=np.where(self.fold == fold, "test", trained))

    def where(self, *splits: str) -> Self:
        """Select the tiles of the given splits, in order."""
        return self._chosen(np.isin(self.split, splits))

    def of_fold(self, fold: int) -> Self:
        """Select the tiles of one fold, in order."""
        return self._chosen(self.fold == fold)

    def of_scene(self, scene: str) -> Self:
        """Select the tiles of one scene, in order."""
        return self._chosen(self.scene == scene)

    def only(self, index: int) -> Self:
        """Select the tile at `index`."""
        return self._chosen(np.arange(len(self)) == index)

    def _chosen(self, chosen: NDArray[np.bool_]) -> Self:
        arrays = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "info"}
        return type(self)(**{name: a[chosen] for name, a in arrays.items()}, info=self.info)
