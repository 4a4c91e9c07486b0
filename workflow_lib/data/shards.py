"""A tile store that is written shard by shard, by threads, and described when all are there.

Shards are put together here: Zarr's own writer, one event loop for all threads, takes several times
as long as compressing does. Their layout is that of the `sharding_indexed` codec of Zarr v3
(https://zarr-specs.readthedocs.io, codecs/sharding-indexed): chunks one after another, then for
each its place and length, then a CRC-32C of these.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import google_crc32c
import numpy as np
from numcodecs.blosc import BITSHUFFLE, Blosc
from numcodecs.zstd import Zstd
from numpy.typing import NDArray

from workflow_lib.data.store import Variable, describe_store, tiles_per_shard

# As in `store.describe_store`.
_IMAGE = Blosc(cname="lz4", clevel=5, shuffle=BITSHUFFLE)
_LABEL = Zstd(level=0)
_MISSING = np.iinfo(np.uint64).max


class Shards:
    """The shards of a scene's images and labels, before it is known how many there will be.

    Args:
        folder: where they are kept meanwhile; on the store's file system.
        layers: bands and label.
        side: of a tile, in pixels.
    """

    def __init__(self, folder: Path, layers: int, side: int) -> None:
        self._folder = folder
        self.tiles_each = tiles_per_shard(layers, side)
        self.bytes_each = self.tiles_each * 2 * layers * side**2

    def write(self, number: int, tiles: Sequence[NDArray[np.uint16]]) -> None:
        """Write a shard; each has one writer, and all but the last are full.

        Args:
            number: which shard of the store.
            tiles: uint16 [band, y, x], the label last.
        """
        images = (_IMAGE.encode(np.ascontiguousarray(tile[:-1])) for tile in tiles)
        self._save(self._folder / f"image/c/{number}/0/0/0", images)
        labels = (tile[-1].astype(np.uint8) for tile in tiles)
        # Like Zarr, which keeps no chunk that holds nothing but zeros.
        coded = (_LABEL.encode(label) if label.any() else b"" for label in labels)
        self._save(self._folder / f"label/c/{number}/0/0", coded)

    def _save(self, file: Path, chunks: Iterator[bytes]) -> None:
        index = np.full((self.tiles_each, 2), _MISSING, "<u8")
        end = 0
        file.parent.mkdir(parents=True)
        with file.open("wb") as shard:
            for place, chunk in zip(index, chunks, strict=False):
                if chunk:
                    place[:] = end, len(chunk)
                    end += shard.write(chunk)
            shard.write(index.tobytes())
            shard.write(google_crc32c.value(index.tobytes()).to_bytes(4, "little"))
        if end == 0:
            file.unlink()

    def become(
        self, variables: Mapping[str, Variable], attributes: Mapping[str, str], store: Path
    ) -> None:
        """Move the shards into a new store with these variables, whose pixels are not looked at."""
        describe_store(variables, attributes, store, self.tiles_each)
        for name in ("image", "label"):
            (self._folder / name / "c").rename(store / name / "c")
