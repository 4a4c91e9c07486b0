"""Damage containers, and correct their checksums.

Each change is a name and numbers, so that a failed case is readable.
"""

import struct
from typing import Any
from zlib import crc32

from hypothesis import strategies as st


@st.composite
def changes(draw: st.DrawFn, intact: bytes) -> list[tuple[Any, ...]]:
    """Draw one to three changes of a file."""
    spans, _, end = walk(intact)
    starts = [start for start, _ in _bodies(intact)]
    header, unit = st.integers(0, end - 1), st.integers(0, len(starts) - 1)
    body = st.one_of(
        st.builds(int.__add__, st.sampled_from(starts), st.integers(0, 199)),
        st.integers(end, len(intact) - 1),
    )
    place = st.one_of(body, body, body, header)
    number = st.one_of(st.integers(0, 40), st.integers(0, 2**16), st.integers(0, 2**35 - 1))
    change = st.one_of(
        st.tuples(st.just("flip"), place, st.integers(0, 7)),
        st.tuples(st.just("write"), place, st.binary(min_size=1, max_size=12)),
        st.tuples(st.just("flip"), body, st.integers(0, 7)),
        st.tuples(st.just("write"), body, st.binary(min_size=1, max_size=12)),
        st.tuples(st.just("swap"), unit, unit),
        st.tuples(st.just("resize"), unit, st.integers(0, len(intact))),
        st.tuples(st.just("cut"), place),
        st.tuples(st.just("extend"), st.integers(1, 2**21), st.integers(0, 255)),
        st.tuples(st.just("lie"), st.integers(0, len(spans) - 1), number),
        st.tuples(st.just("shift"), st.integers(0, len(spans) - 1), st.integers(-9, 9)),
    )
    return draw(st.lists(change, min_size=1, max_size=3))


def changed(data: bytes, how: list[tuple[Any, ...]], repair: bool) -> bytes:
    """Apply changes to a file; correct its checksums on request, where possible."""
    mutable = bytearray(data)
    for name, *values in how:
        _CHANGES[name](mutable, *values)
    if repair:
        _repair(mutable)
    return bytes(mutable)


def _flip(data: bytearray, place: int, bit: int) -> None:
    if place < len(data):
        data[place] ^= 1 << bit


def _write(data: bytearray, place: int, text: bytes) -> None:
    data[place : place + len(text)] = text


def _cut(data: bytearray, place: int) -> None:
    del data[place:]


def _extend(data: bytearray, count: int, value: int) -> None:
    data += bytes([value]) * count


def _lie(data: bytearray, which: int, value: int) -> None:
    spans, _, _ = walk(data)
    if which < len(spans):
        start, end = spans[which]
        data[start:end] = _leb128(value)


def _shift(data: bytearray, which: int, by: int) -> None:
    spans, _, _ = walk(data)
    if which < len(spans):
        start, end = spans[which]
        data[start:end] = _leb128(max(_value(data[start:end]) + by, 0))


def _swap(data: bytearray, one: int, other: int) -> None:
    """Replace a unit's bytes by those of another unit, at equal length."""
    bodies = _bodies(data)
    if max(one, other) < len(bodies):
        (start, end), (first, last) = bodies[one], bodies[other]
        data[start:end] = data[first:last].ljust(end - start, b"\0")[: end - start]


def _resize(data: bytearray, unit: int, size: int) -> None:
    """Shorten or pad a unit's payload, and update the index."""
    spans, checks, _ = walk(data)
    if unit < len(checks):
        start, end = spans[_per_unit(spans, checks) * (unit + 1) + 2]
        body, last = _bodies(data)[unit]
        side = max(last - body - _value(data[start:end]), 0)
        payload = data[body + side : last].ljust(size, b"\0")[:size]
        data[body + side : last] = payload
        data[start:end] = _leb128(size)


def _per_unit(spans: list[tuple[int, int]], checks: list[int]) -> int:
    """Count the numbers of a unit in the index."""
    return (len(spans) - 3) // max(len(checks), 1)


_CHANGES = {
    "flip": _flip,
    "write": _write,
    "cut": _cut,
    "extend": _extend,
    "lie": _lie,
    "shift": _shift,
    "swap": _swap,
    "resize": _resize,
}


def walk(data: bytes | bytearray) -> tuple[list[tuple[int, int]], list[int], int]:
    """Locate the numbers of a container, the checksums of its units, and the end of its index.

    Written from docs/formats.md, not from the reader under test. For bytes that are not a
    container, returns what was found before they end.
    """
    spans: list[tuple[int, int]] = []
    checks: list[int] = []
    if len(data) < 12:
        return spans, checks, len(data)
    flags, at = data[7], 12 + data[5] + 8 * bool(data[7] & 4)

    def number() -> int:
        nonlocal at
        start = at
        while at < len(data) and data[at] > 127:
            at += 1
        at += 1
        spans.append((start, min(at, len(data))))
        return _value(data[start:at])

    _, _, units = number(), number(), number()
    for _ in range(min(units, 100)):
        for _ in range({0: 3, 1: 0, 2: 2, 3: 0}[flags & 3] + bool(flags & 8) + 1):
            number()
        checks.append(at)
        at += 4
    return spans, checks, min(at, len(data))


def _bodies(data: bytes | bytearray) -> list[tuple[int, int]]:
    """Locate the units' bytes, up to the end of the file."""
    spans, checks, end = walk(data)
    per_unit = _per_unit(spans, checks)
    start, bodies = end + 4, []
    for unit in range(len(checks)):
        lengths = spans[3 + unit * per_unit : 3 + (unit + 1) * per_unit]
        size = sum(_value(data[a:b]) for a, b in lengths[-1 - bool(data[7] & 8) :])
        bodies.append((min(start, len(data)), min(start + size, len(data))))
        start += size
    return bodies


def _repair(data: bytearray) -> None:
    _, checks, end = walk(data)
    if end + 4 > len(data):
        return
    for place, (first, last) in zip(checks, _bodies(data), strict=True):
        data[place : place + 4] = struct.pack("<I", crc32(data[first:last]))
    data[end : end + 4] = struct.pack("<I", crc32(data[:end]))


def _value(digits: bytes | bytearray) -> int:
    # longer numbers are invalid, and take minutes in damaged files
    return sum((digit & 127) << (7 * place) for place, digit in enumerate(digits[:10]))


def _leb128(value: int) -> bytes:
    digits = [value >> place & 127 for place in range(0, max(value.bit_length(), 1), 7)]
    return bytes([digit | 128 for digit in digits[:-1]] + digits[-1:])
