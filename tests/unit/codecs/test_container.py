"""Containers round-trip, and invalid files raise the documented error."""

import struct
from io import BytesIO
from zlib import crc32

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from workflow_lib.codecs.container import NO_MODEL, UNITS, Container, Header, Index, Unit
from workflow_lib.codecs.registry import kinds
from workflow_lib.errors import BitstreamError

headers = st.builds(
    Header,
    codec=st.sampled_from(kinds()),
    unit=st.sampled_from(sorted(UNITS)),
    bands=st.integers(1, 65535),
    tile=st.integers(1, 65535),
    places=st.integers(0, 2**32 - 1),
    model=st.sampled_from([NO_MODEL, bytes(range(8))]),
)


@st.composite
def containers(draw):
    header = draw(headers)
    most = {
        "fold": st.tuples(st.integers(0, 300), st.integers(1, 300), st.integers(1, 300)),
        "scene": st.tuples(st.just(0), st.integers(1, 300), st.integers(1, 300)),
        "tile": st.just((0, 1, 1)),
    }[header.unit]
    sides = st.binary(max_size=50) if draw(st.booleans()) else st.just(b"")
    bodies = st.lists(st.tuples(most, st.binary(max_size=200), sides), max_size=4)
    units = [Unit(*geometry, payload, side) for geometry, payload, side in draw(bodies)]
    return Container(header, tuple(units))


def test_the_bytes_follow_the_documented_format():
    header = Header("jpegxl", "fold", bands=300, tile=64, places=7, model=b"weights!")
    body = b"side" + b"p" * 200
    head = (
        b"DLNK\x03\x06\x01\x0c\x07\0\0\0jpegxlweights!"
        b"\xac\x02\x40\x01"  # 300 bands, tiles of 64 pixels, one unit
        b"\x05\x02\x03\x04\xc8\x01"  # fold 5, 2 × 3 tiles, 4 and 200 bytes
    ) + struct.pack("<I", crc32(body))
    expected = head + struct.pack("<I", crc32(head)) + body
    unit = Unit(5, 2, 3, payload=b"p" * 200, side=b"side")
    assert Container(header, (unit,)).to_bytes() == expected


@given(containers())
def test_round_trip(container):
    assert Container.from_bytes(container.to_bytes(), "f") == container


@given(containers())
def test_every_byte_is_accounted_for(container):
    bodies = sum(len(unit.side) + len(unit.payload) for unit in container.units)
    header = container.header.size(len(container.units))
    assert header + sum(container.entry_sizes()) + bodies == len(container.to_bytes())


def test_a_tile_costs_five_bytes_besides_its_payload():
    units = tuple(Unit(0, 1, 1, b"x" * 26) for _ in range(100))
    container = Container(Header("jpeg2000", "tile", 1, 32, 0), units)
    assert len(container.to_bytes()) == 27 + 100 * (5 + 26)


@given(containers(), st.data())
def test_truncated_files_are_refused(container, data):
    whole = container.to_bytes()
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(BitstreamError):
        Container.from_bytes(whole[:cut], "f")


@given(containers(), st.data())
def test_any_flipped_bit_is_detected(container, data):
    whole = bytearray(container.to_bytes())
    position = data.draw(st.integers(0, len(whole) - 1))
    whole[position] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(BitstreamError):
        Container.from_bytes(bytes(whole), "f")


@given(containers(), st.binary(min_size=1, max_size=20))
def test_bytes_behind_the_last_unit_are_refused(container, more):
    with pytest.raises(BitstreamError, match="too many"):
        Container.from_bytes(container.to_bytes() + more, "f")


@given(st.binary(max_size=300), st.booleans())
def test_files_of_another_format_are_refused(data, starts_well):
    with pytest.raises(BitstreamError):
        Container.from_bytes(b"DLNK\x03\x01\x01\x01" * starts_well + data, "f")


def test_the_error_names_another_version():
    data = bytearray(Container(Header("jpeg2000", "tile", 1, 32, 0), ()).to_bytes())
    data[4] = 2
    with pytest.raises(BitstreamError) as error:
        Container.from_bytes(bytes(data), "f")
    assert str(error.value) == (
        "f: is a container of version 2, but this release reads version 3. Encode the scene again."
    )


@pytest.mark.parametrize(
    "kind",
    [b"", b"Lerc", b"le rc", b"-lerc", b"le--rc", b"l\xe9rc", b"a" * 33, b"a" * 255],
)
def test_a_malformed_kind_is_refused(kind):
    head = b"DLNK\x03" + bytes([len(kind)]) + b"\x01\x01" + bytes(4) + kind + b"\x01\x20\x00"
    with pytest.raises(BitstreamError, match="names no codec"):
        Container.from_bytes(head + struct.pack("<I", crc32(head)), "f")
    with pytest.raises(ValueError, match="not a kind"):
        Header(kind.decode("latin-1"), "tile", 1, 32, 0).to_bytes(0, sides=False)


@given(containers(), st.data())
def test_one_unit_can_be_read_alone(container, data):
    assume(container.units)
    number = data.draw(st.integers(0, len(container.units) - 1))
    whole = bytearray(container.to_bytes())
    file = BytesIO(whole)
    index = Index.read(file, "f")
    entry = index.entries[number]
    for place in range(index.size, len(whole)):
        if not entry.start <= place - index.size < entry.end:
            whole[place] ^= 255
    assert index.unit(number, BytesIO(whole), "f") == container.units[number]


@pytest.mark.parametrize(
    "numbers", [b"\xff\xff\xff\xff\x7f", b"\xff" * 9, b"\x80\0"], ids=["many", "endless", "twice"]
)
def test_a_false_number_of_units_allocates_nothing(numbers):
    head = b"DLNK\x03\x01\x01\x01" + bytes(4) + b"a\x01\x20" + numbers
    with pytest.raises(BitstreamError, match="header is damaged"):
        Container.from_bytes(head + struct.pack("<I", crc32(head)), "f")
    with pytest.raises(BitstreamError, match="claims 2 units"):
        Index.read(BytesIO(head[:15] + b"\x02" + bytes(99)), "f", most=1)
