"""Write a tile store shard by shard from several threads; write its metadata last.

This module assembles the shards itself. Zarr's writer uses one event loop for all threads, and
takes several times as long as the compression. The layout is that of Zarr v3's `sharding_indexed`
codec (https://zarr-specs.readthedocs.io, codecs/sharding-indexed): the chunks one after another,
then the offset and length of each, then a CRC-32C of this index.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import google_crc32c
import numpy as np
from numcodecs.blosc import BITSHUFFLE, Blosc
from numcodecs.zstd import Zstd
from numpy.typing import NDArray

from workflow_lib.data.store import Variable, describe_store, tiles_per_shard

# The same compressors as in `store.describe_store`.
_IMAGE = Blosc(cname="lz4", clevel=5, shuffle=BITSHUFFLE)
_LABEL = Zstd(level=0)
_MISSING = np.iinfo(np.uint64).max


class Shards:
    """Writer of a scene's image and label shards, whose number is not known in advance.

    Args:
        folder: temporary folder of the shards, on the store's file system.
        layers: number of bands, plus one for the label.
        side: side of a tile, in pixels.
    """

    def __init__(self, folder: Path, layers: int, side: int) -> None:
        self._folder = folder
        self.tiles_each = tiles_per_shard(layers, side)
        self.bytes_each = self.tiles_each * 2 * layers * side**2

    def write(self, number: int, tiles: Sequence[NDArray[np.uint16]]) -> None:
        """Write a shard. Only one thread writes it. Every shard but the last is full.

        Args:
            number: number of the shard in the store.
            tiles: uint16 [band, y, x], the label last.
        """
        images = (_IMAGE.encode(np.ascontiguousarray(tile[:-1])) for tile in tiles)
        self._save(self._folder / f"image/c/{number}/0/0/0", images)
        labels = (tile[-1].astype(np.uint8) for tile in tiles)
        # Like Zarr, store no chunk that contains only zeros.
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
        """Create a store with these variables, and move the shards into it.

        The pixels come from the shards; the values of pixel variables give only shape and dtype.
        """
        describe_store(variables, attributes, store, self.tiles_each)
        for name in ("image", "label"):
            (self._folder / name / "c").rename(store / name / "c")
