"""The container: one file per coded scene with a header, an index, and the units' bytes.

docs/formats.md describes every byte. Reading trusts none of them: header and index are read first,
byte by byte, and nothing is allocated for a number that they merely claim.
"""

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from io import SEEK_END, BytesIO
from typing import BinaryIO, Self
from zlib import crc32

from workflow_lib.errors import BitstreamError

MAGIC = b"DLNK"
VERSION = 3
UNITS = {"fold": 0, "tile": 1, "scene": 2}
"""The number of each coding unit in the file."""
KIND = re.compile(rb"[a-z0-9]+(-[a-z0-9]+)*")
"""How a codec's kind is written; `MOST_KIND` bytes at most."""
MOST_KIND = 32
NO_MODEL = bytes(8)
"""The digest of a codec without weights; it is not stored."""
_UINT16 = 1
_UNIT_BITS, _HAS_MODEL, _HAS_SIDE = 0b11, 0b100, 0b1000
_HEAD = struct.Struct("<4sBBBBI")
_CHECK = struct.Struct("<I")
_MOST_DIGITS = 5


@dataclass(frozen=True)
class Header:
    """Fields that all units of a file share.

    Attributes:
        codec: the codec's kind.
        unit: the coding unit: "fold", "tile" or "scene".
        bands: number of bands.
        tile: side of a tile in pixels.
        places: checksum of where the tiles lie, which both sides know.
        model: 8 bytes that identify the codec's weights; NO_MODEL without weights.
    """

    codec: str
    unit: str
    bands: int
    tile: int
    places: int
    model: bytes = NO_MODEL

    def size(self, units: int) -> int:
        """Return the bytes that belong to no unit, in a file with this many units."""
        return len(self.to_bytes(units, sides=False)) + _CHECK.size

    def to_bytes(self, units: int, sides: bool) -> bytes:
        """Return the header, up to the index.

        Args:
            units: number of units.
            sides: whether the index holds lengths of side information.

        Raises:
            ValueError: the codec's kind is not lower-case ASCII letters, digits and single hyphens.
        """
        model = b"" if self.model == NO_MODEL else self.model
        flags = UNITS[self.unit] | _HAS_MODEL * bool(model) | _HAS_SIDE * sides
        kind = self.codec.encode()
        if not _is_kind(kind):
            raise ValueError(f"{self.codec!r} is not a kind that a container can name")
        head = _HEAD.pack(MAGIC, VERSION, len(kind), _UINT16, flags, self.places)
        return head + kind + model + _numbers(self.bands, self.tile, units)

    def entry(self, fold: int, rows: int, cols: int, lengths: Sequence[int], check: int) -> bytes:
        """Return a unit's part of the index.

        Args:
            fold, rows, cols: as of `Unit`.
            lengths: bytes of side information (if the index holds them) and of the payload.
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
    """A unit's entry in the index.

    Attributes:
        fold, rows, cols: as of `Unit`.
        start: offset of its side information after the index; the payload follows.
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
        """Offset of the first byte after the unit."""
        return self.start + self.side + self.payload


@dataclass(frozen=True)
class Index:
    """A file's header and the places of its units.

    Attributes:
        header: fields that the units share.
        entries: one per unit.
        size: bytes of header and index.
    """

    header: Header
    entries: tuple[Entry, ...]
    size: int

    @classmethod
    def read(cls, file: BinaryIO, source: str, most: int | None = None) -> Self:
        """Read header and index of an open file, and nothing after them.

        Args:
            file: open for reading; must be seekable.
            source: its name, for error messages.
            most: highest possible number of units; a file that claims more is refused at once.

        Raises:
            BitstreamError: the file is damaged, truncated, of another version or no container.
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
            raise BitstreamError(f"{source}: {how}. Encode the scene again.")
        return cls(header, tuple(entries), len(reader.seen))

    def unit(self, number: int, file: BinaryIO, source: str) -> Unit:
        """Read one unit, and nothing else of the file.

        Raises:
            BitstreamError: the unit is damaged.
        """
        entry = self.entries[number]
        file.seek(self.size + entry.start)
        body = file.read(entry.side + entry.payload)
        if crc32(body) != entry.check:
            raise BitstreamError(f"{source}: unit {number} is damaged. Encode the scene again.")
        side, payload = body[: entry.side], body[entry.side :]
        return Unit(entry.fold, entry.rows, entry.cols, payload, side)


@dataclass(frozen=True)
class Container:
    """A coded scene in memory."""

    header: Header
    units: tuple[Unit, ...]

    def to_bytes(self) -> bytes:
        """Return the file's bytes."""
        head = self.header.to_bytes(len(self.units), self._sides) + b"".join(self._entries)
        bodies = (unit.side + unit.payload for unit in self.units)
        return head + _CHECK.pack(crc32(head)) + b"".join(bodies)

    def entry_sizes(self) -> list[int]:
        """Return the bytes of each unit's entry in the index."""
        return [len(entry) for entry in self._entries]

    @classmethod
    def from_bytes(cls, data: bytes, source: str) -> Self:
        """Parse a file's bytes.

        Args:
            data: a file's bytes.
            source: the file's name, for error messages.

        Raises:
            BitstreamError: the file is damaged, truncated, of another version or no container.
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
    """Reads a file from its start and keeps every byte that it read."""

    def __init__(self, file: BinaryIO, source: str) -> None:
        self.file, self.source, self.seen = file, source, bytearray()

    def take(self, count: int) -> bytes:
        found = self.file.read(count)
        if len(found) < count:
            raise self.damaged("it is truncated")
        self.seen += found
        return found

    def number(self) -> int:
        """Read a number as `_numbers` writes it; refuse longer spellings of the same number."""
        value = 0
        for place in range(_MOST_DIGITS):
            (digit,) = self.take(1)
            value |= (digit & 0x7F) << (7 * place)
            if digit < 0x80:
                if place and not digit:
                    break
                return value
        raise self.damaged("a number is malformed")

    def damaged(self, how: str) -> BitstreamError:
        return BitstreamError(
            f"{self.source}: the header is damaged ({how}). Encode the scene again."
        )


def _read_header(reader: _Reader) -> tuple[Header, bool, int]:
    """Read the header, whether the index holds lengths of side information, number of units."""
    magic, version, length, dtype, flags, places = _HEAD.unpack(reader.take(_HEAD.size))
    if magic != MAGIC:
        raise BitstreamError(
            f"{reader.source}: is not a Downlink container. Encode the scene again."
        )
    if version != VERSION:
        raise BitstreamError(
            f"{reader.source}: is a container of version {version}, but this release reads version "
            f"{VERSION}. Encode the scene again."
        )
    units = {number: name for name, number in UNITS.items()}
    known = _UNIT_BITS | _HAS_MODEL | _HAS_SIDE
    if flags & _UNIT_BITS not in units or flags & ~known or dtype != _UINT16:
        raise reader.damaged(f"dtype {dtype}, flags {flags}")
    kind = reader.take(min(length, MOST_KIND))
    if length > MOST_KIND or not _is_kind(kind):
        raise reader.damaged("it names no codec")
    model = reader.take(len(NO_MODEL)) if flags & _HAS_MODEL else NO_MODEL
    bands, tile, count = (reader.number() for _ in range(3))
    header = Header(kind.decode("ascii"), units[flags & _UNIT_BITS], bands, tile, places, model)
    return header, bool(flags & _HAS_SIDE), count


def _is_kind(text: bytes) -> bool:
    return len(text) <= MOST_KIND and KIND.fullmatch(text) is not None


def _read_entry(reader: _Reader, kind: str, sides: bool, start: int) -> Entry:
    fold = reader.number() if kind == "fold" else 0
    rows, cols = (1, 1) if kind == "tile" else (reader.number(), reader.number())
    side = reader.number() if sides else 0
    payload = reader.number()
    (check,) = _CHECK.unpack(reader.take(_CHECK.size))
    return Entry(fold, rows, cols, start, side, payload, check)


def _numbers(*values: int) -> bytes:
    """Write numbers as LEB128: 7 bits a byte, lowest first, bit 7 set except in the last byte."""
    written = bytearray()
    for value in values:
        while value > 0x7F:
            written.append(value & 0x7F | 0x80)
            value >>= 7
        written.append(value)
    return bytes(written)
