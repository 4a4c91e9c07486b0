"""A tile store that is written shard by shard, and described when all are there."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr
import zarr
from numpy.typing import NDArray

from workflow_lib.data.store import describe_store, encoding, tiles_per_shard


class Shards:
    """The shards of a scene's images and labels, before it is known how many there will be.

    Args:
        folder: where they are kept meanwhile; on the store's file system.
        tiles: the most tiles that may come.
        layers: bands and label.
        side: of a tile, in pixels.
    """

    def __init__(self, folder: Path, tiles: int, layers: int, side: int) -> None:
        self._folder = folder
        self.tiles_each = tiles_per_shard(layers, side)
        self.bytes_each = self.tiles_each * 2 * layers * side**2
        capacity = -(-tiles // self.tiles_each) * self.tiles_each
        shape, label = (capacity, layers - 1, side, side), (capacity, side, side)
        # An image is never empty, and to find that out takes longer than to compress it.
        self._image = zarr.create_array(
            folder / "image",
            shape=shape,
            dtype="uint16",
            fill_value=0,
            config={"write_empty_chunks": True},
            **encoding("image", shape, self.tiles_each),
        )
        self._label = zarr.create_array(
            folder / "label",
            shape=label,
            dtype="uint8",
            fill_value=0,
            **encoding("label", label, self.tiles_each),
        )

    def write(self, number: int, tiles: Sequence[NDArray[np.uint16]]) -> None:
        """Write a shard; each has one writer, and all but the last are full.

        Args:
            number: which shard of the store.
            tiles: uint16 [band, y, x], the label last.
        """
        pixels = np.stack(tiles)
        first = number * self.tiles_each
        self._image[first : first + len(tiles)] = pixels[:, :-1]
        self._label[first : first + len(tiles)] = pixels[:, -1].astype(np.uint8)

    def become(self, data: xr.Dataset, store: Path) -> None:
        """Describe the shards as `data`, whose images and labels are lazy, and make them a store.

        Raises:
            OSError: the disk is full.
        """
        describe_store(data, store, self.tiles_each)
        for name in ("image", "label"):
            shards = self._folder / name / "c"
            if shards.exists():  # no label is stored where none is set
                shards.rename(store / name / "c")
