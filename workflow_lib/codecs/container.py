"""One file per coded scene: a header, then the coding units' side information and payloads.

All numbers are little-endian; docs/formats.md describes every byte.
"""

import struct
from dataclasses import dataclass
from typing import Self
from zlib import crc32

from workflow_lib.errors import BitstreamError

MAGIC = b"DLNK"
VERSION = 1
_HEAD = struct.Struct("<4sBBHHB")
_UNIT = struct.Struct("<BIHHIII")


@dataclass(frozen=True)
class Unit:
    """One coding unit: the blocks of one fold, as a mosaic.

    Attributes:
        fold: which fold.
        tiles: number of tiles.
        rows, cols: size of the mosaic, in tiles.
        payload, side: the codec's bytes.
    """

    fold: int
    tiles: int
    rows: int
    cols: int
    payload: bytes
    side: bytes


@dataclass(frozen=True)
class Container:
    """A coded scene.

    Attributes:
        codec: the codec's name.
        bands: number of bands.
        tile: side of a tile in pixels.
        units: the coding units.
    """

    codec: str
    bands: int
    tile: int
    units: tuple[Unit, ...]

    def to_bytes(self) -> bytes:
        """The file's bytes."""
        name = self.codec.encode("ascii")
        head = _HEAD.pack(MAGIC, VERSION, len(name), self.bands, self.tile, len(self.units))
        index = b"".join(
            _UNIT.pack(
                unit.fold,
                unit.tiles,
                unit.rows,
                unit.cols,
                len(unit.side),
                len(unit.payload),
                crc32(unit.payload, crc32(unit.side)),
            )
            for unit in self.units
        )
        return head + name + index + b"".join(unit.side + unit.payload for unit in self.units)

    @classmethod
    def from_bytes(cls, data: bytes, source: str) -> Self:
        """What `to_bytes` wrote.

        Args:
            data: a file's bytes.
            source: the file's name, for the error.

        Raises:
            BitstreamError: other, damaged or truncated bytes.
        """
        try:
            magic, version, length, bands, tile, count = _HEAD.unpack_from(data)
            if magic != MAGIC or version != VERSION:
                raise BitstreamError(f"{source}: this is no Downlink container, version {VERSION}.")
            name = data[_HEAD.size : _HEAD.size + length].decode("ascii")
            start = _HEAD.size + length
            entries = [_UNIT.unpack_from(data, start + i * _UNIT.size) for i in range(count)]
        except (struct.error, UnicodeDecodeError) as error:
            raise BitstreamError(f"{source}: the header is damaged ({error}).") from error
        start += count * _UNIT.size
        units = []
        for fold, tiles, rows, cols, side, payload, checksum in entries:
            body = data[start : start + side + payload]
            if len(body) < side + payload:
                raise BitstreamError(f"{source}: truncated; encode the scene again.")
            if crc32(body) != checksum or tiles > rows * cols:
                raise BitstreamError(f"{source}: fold {fold} is damaged; encode the scene again.")
            units.append(Unit(fold, tiles, rows, cols, body[side:], body[:side]))
            start += side + payload
        if start != len(data):
            raise BitstreamError(f"{source}: {len(data) - start} bytes too many.")
        return cls(name, bands, tile, tuple(units))


def header_bytes(codec: str) -> int:
    """Bytes of header charged to a unit: the file's common header, and its own entry."""
    return _HEAD.size + len(codec.encode("ascii")) + _UNIT.size
