"""One file per coded scene: a header, an index, then the units' side information and payloads.

docs/formats.md describes every byte. Reading trusts none of them: the header and the index are
read first, byte by byte, and nothing is allocated for a number that they merely claim.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from io import SEEK_END, BytesIO
from typing import BinaryIO, Self
from zlib import crc32

from workflow_lib.errors import BitstreamError

MAGIC = b"DLNK"
VERSION = 2
KINDS = {
    "jpeg2000": 1,
    "klt-jpeg2000": 2,
    "jpegxl": 3,
    "dgml": 4,
    "hyperprior": 5,
    "checkerboard": 6,
    "jpeg2000-per-band": 7,
    "jpeg2000-native": 8,
}
"""The number that stands for each kind of codec."""
UNITS = {"fold": 0, "tile": 1, "scene": 2}
"""The number that stands for each kind of coding unit."""
NO_MODEL = bytes(8)
"""The digest of a codec without weights; it is not stored."""
_UINT16 = 1
_UNIT_BITS, _HAS_MODEL, _HAS_SIDE = 0b11, 0b100, 0b1000
_HEAD = struct.Struct("<4sBBBBI")
_CHECK = struct.Struct("<I")
_MOST_DIGITS = 5


@dataclass(frozen=True)
class Header:
    """What all units of a file share.

    Attributes:
        codec: the codec's kind.
        unit: the coding unit: "fold", "tile" or "scene".
        bands: number of bands.
        tile: side of a tile in pixels.
        places: checksum of where the tiles lie, which both sides know.
        model: 8 bytes that stand for the codec's weights; NO_MODEL without weights.
    """

    codec: str
    unit: str
    bands: int
    tile: int
    places: int
    model: bytes = NO_MODEL

    def size(self, units: int) -> int:
        """Bytes of a file with this many units that belong to none of them."""
        return len(self.to_bytes(units, sides=False)) + _CHECK.size

    def to_bytes(self, units: int, sides: bool) -> bytes:
        """The header, up to the index; `sides`: the index holds lengths of side information."""
        model = b"" if self.model == NO_MODEL else self.model
        flags = UNITS[self.unit] | _HAS_MODEL * bool(model) | _HAS_SIDE * sides
        head = _HEAD.pack(MAGIC, VERSION, KINDS[self.codec], _UINT16, flags, self.places)
        return head + model + _numbers(self.bands, self.tile, units)

    def entry(self, fold: int, rows: int, cols: int, lengths: Sequence[int], check: int) -> bytes:
        """A unit's part of the index.

        Args:
            fold, rows, cols: as of `Unit`.
            lengths: of its side information, where the index holds such lengths, and its payload.
            check: CRC-32 of both.
        """
        geometry = {"fold": (fold, rows, cols), "scene": (rows, cols), "tile": ()}[self.unit]
        return _numbers(*geometry, *lengths) + _CHECK.pack(check)


@dataclass(frozen=True)
class Unit:
    """One coding unit.

    Attributes:
        fold: which fold; 0 where the unit is a tile or the scene.
        rows, cols: size of its image, in tiles; 1 and 1 where the unit is a tile.
        payload, side: the codec's bytes.
    """

    fold: int
    rows: int
    cols: int
    payload: bytes
    side: bytes = b""


@dataclass(frozen=True)
class Entry:
    """What the index says of a unit.

    Attributes:
        fold, rows, cols: as of `Unit`.
        start: offset of its side information, which its payload follows, behind the index.
        side, payload: bytes of each.
        check: CRC-32 of both.
    """

    fold: int
    rows: int
    cols: int
    start: int
    side: int
    payload: int
    check: int

    @property
    def end(self) -> int:
        """Offset of the first byte behind the unit."""
        return self.start + self.side + self.payload


@dataclass(frozen=True)
class Index:
    """A file's header and where its units are.

    Attributes:
        header: what the units share.
        entries: one per unit.
        size: bytes of header and index.
    """

    header: Header
    entries: tuple[Entry, ...]
    size: int

    @classmethod
    def read(cls, file: BinaryIO, source: str, most: int | None = None) -> Self:
        """Header and index of a file open for reading; nothing behind them is read.

        Args:
            file: can seek.
            source: its name, for the error.
            most: units that there can be; a file that claims more is not read further.

        Raises:
            BitstreamError: other, damaged or truncated bytes, or bytes that belong to no unit.
        """
        length = file.seek(0, SEEK_END)
        file.seek(0)
        reader = _Reader(file, source)
        header, sides, units = _read_header(reader)
        if units > (length if most is None else most):
            raise reader.damaged(f"it claims {units} units")
        entries, end = [], 0
        for _ in range(units):
            entries.append(_read_entry(reader, header.unit, sides, end))
            end = entries[-1].end
        check = crc32(reader.seen)
        if _CHECK.unpack(reader.take(_CHECK.size))[0] != check:
            raise reader.damaged("its checksum is wrong")
        surplus = length - len(reader.seen) - end
        if surplus:
            how = f"{surplus} bytes too many" if surplus > 0 else "truncated"
            raise BitstreamError(f"{source}: {how}; encode the scene again.")
        return cls(header, tuple(entries), len(reader.seen))

    def unit(self, number: int, file: BinaryIO, source: str) -> Unit:
        """One unit; of the file nothing else is read.

        Raises:
            BitstreamError: damaged bytes.
        """
        entry = self.entries[number]
        file.seek(self.size + entry.start)
        body = file.read(entry.side + entry.payload)
        if crc32(body) != entry.check:
            raise BitstreamError(f"{source}: unit {number} is damaged; encode the scene again.")
        side, payload = body[: entry.side], body[entry.side :]
        return Unit(entry.fold, entry.rows, entry.cols, payload, side)


@dataclass(frozen=True)
class Container:
    """A coded scene: what its units share, and the units."""

    header: Header
    units: tuple[Unit, ...]

    def to_bytes(self) -> bytes:
        """The file's bytes."""
        head = self.header.to_bytes(len(self.units), self._sides) + b"".join(self._entries)
        bodies = (unit.side + unit.payload for unit in self.units)
        return head + _CHECK.pack(crc32(head)) + b"".join(bodies)

    def entry_sizes(self) -> list[int]:
        """Bytes of each unit's part of the index."""
        return [len(entry) for entry in self._entries]

    @classmethod
    def from_bytes(cls, data: bytes, source: str) -> Self:
        """What `to_bytes` wrote.

        Args:
            data: a file's bytes.
            source: the file's name, for the error.

        Raises:
            BitstreamError: other, damaged or truncated bytes.
        """
        file = BytesIO(data)
        index = Index.read(file, source)
        units = (index.unit(number, file, source) for number in range(len(index.entries)))
        return cls(index.header, tuple(units))

    @property
    def _sides(self) -> bool:
        return any(unit.side for unit in self.units)

    @property
    def _entries(self) -> list[bytes]:
        entries = []
        for unit in self.units:
            lengths = [len(unit.side)] * self._sides + [len(unit.payload)]
            check = crc32(unit.payload, crc32(unit.side))
            entries.append(self.header.entry(unit.fold, unit.rows, unit.cols, lengths, check))
        return entries


class _Reader:
    """Takes numbers from a file and remembers all bytes that it took."""

    def __init__(self, file: BinaryIO, source: str) -> None:
        self.file, self.source, self.seen = file, source, bytearray()

    def take(self, count: int) -> bytes:
        found = self.file.read(count)
        if len(found) < count:
            raise self.damaged("it is truncated")
        self.seen += found
        return found

    def number(self) -> int:
        """A number as `_numbers` writes it; no number has two spellings."""
        value = 0
        for place in range(_MOST_DIGITS):
            (digit,) = self.take(1)
            value |= (digit & 0x7F) << (7 * place)
            if digit < 0x80:
                if place and not digit:
                    break
                return value
        raise self.damaged("a number in it is misspelt")

    def damaged(self, how: str) -> BitstreamError:
        return BitstreamError(f"{self.source}: the header is damaged ({how}); encode again.")


def _read_header(reader: _Reader) -> tuple[Header, bool, int]:
    """The header, whether the index holds lengths of side information, the number of units."""
    magic, version, codec, dtype, flags, places = _HEAD.unpack(reader.take(_HEAD.size))
    if magic != MAGIC or version != VERSION:
        raise BitstreamError(
            f"{reader.source}: this is no Downlink container, version {VERSION}; encode again."
        )
    codecs = {number: name for name, number in KINDS.items()}
    units = {number: name for name, number in UNITS.items()}
    known = _UNIT_BITS | _HAS_MODEL | _HAS_SIDE
    if codec not in codecs or flags & _UNIT_BITS not in units or flags & ~known or dtype != _UINT16:
        raise reader.damaged(f"codec {codec}, dtype {dtype}, flags {flags}")
    model = reader.take(len(NO_MODEL)) if flags & _HAS_MODEL else NO_MODEL
    bands, tile, count = (reader.number() for _ in range(3))
    header = Header(codecs[codec], units[flags & _UNIT_BITS], bands, tile, places, model)
    return header, bool(flags & _HAS_SIDE), count


def _read_entry(reader: _Reader, kind: str, sides: bool, start: int) -> Entry:
    fold = reader.number() if kind == "fold" else 0
    rows, cols = (1, 1) if kind == "tile" else (reader.number(), reader.number())
    side = reader.number() if sides else 0
    payload = reader.number()
    (check,) = _CHECK.unpack(reader.take(_CHECK.size))
    return Entry(fold, rows, cols, start, side, payload, check)


def _numbers(*values: int) -> bytes:
    """Numbers as unsigned LEB128: 7 bits a byte, lowest first, bit 7 set on all but the last."""
    written = bytearray()
    for value in values:
        while value > 0x7F:
            written.append(value & 0x7F | 0x80)
            value >>= 7
        written.append(value)
    return bytes(written)
