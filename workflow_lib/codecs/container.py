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
KINDS = {
    "jpeg2000": 1,
    "klt-jpeg2000": 2,
    "jpegxl": 3,
    "dgml": 4,
    "jpeg2000-per-band": 7,
    "jpeg2000-native": 8,
}
"""The number that stands for each kind of codec."""
_HEAD = struct.Struct("<4sBBHHB")
_UNIT = struct.Struct("<BIHHIII")
_CHECK = struct.Struct("<I")


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
        codec: the codec's kind.
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
        kind = KINDS[self.codec]
        head = _HEAD.pack(MAGIC, VERSION, kind, self.bands, self.tile, len(self.units))
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
        check = _CHECK.pack(crc32(head + index))
        return head + index + check + b"".join(unit.side + unit.payload for unit in self.units)

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
            magic, version, kind, bands, tile, count = _HEAD.unpack_from(data)
            if magic != MAGIC or version != VERSION:
                raise BitstreamError(f"{source}: this is no Downlink container, version {VERSION}.")
            start = _HEAD.size + count * _UNIT.size
            entries = [_UNIT.unpack_from(data, _HEAD.size + i * _UNIT.size) for i in range(count)]
            (check,) = _CHECK.unpack_from(data, start)
        except struct.error as error:
            raise BitstreamError(f"{source}: the header is damaged ({error}).") from error
        names = {number: name for name, number in KINDS.items()}
        if check != crc32(data[:start]) or kind not in names:
            raise BitstreamError(f"{source}: the header is damaged; encode the scene again.")
        start += _CHECK.size
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
        return cls(names[kind], bands, tile, tuple(units))


HEADER_BYTES = _HEAD.size + _UNIT.size + _CHECK.size
"""Bytes of header charged to a unit: the file's common header, and its own entry."""
