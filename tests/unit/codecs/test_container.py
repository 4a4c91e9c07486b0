"""The container round-trips, and refuses everything else with one documented error."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow_lib.codecs.container import HEADER_BYTES, KINDS, Container, Unit
from workflow_lib.errors import BitstreamError

units = st.builds(
    Unit,
    fold=st.integers(0, 255),
    tiles=st.just(6),
    rows=st.just(2),
    cols=st.just(3),
    payload=st.binary(max_size=200),
    side=st.binary(max_size=50),
)
containers = st.builds(
    Container,
    codec=st.sampled_from(sorted(KINDS)),
    bands=st.integers(1, 65535),
    tile=st.integers(1, 65535),
    units=st.lists(units, min_size=1, max_size=4).map(tuple),
)


@given(containers)
def test_round_trip(container):
    assert Container.from_bytes(container.to_bytes(), "f") == container


@given(containers)
def test_every_byte_is_accounted_for(container):
    one = Container(container.codec, container.bands, container.tile, container.units[:1])
    unit = one.units[0]
    charged = HEADER_BYTES + len(unit.side) + len(unit.payload)
    assert len(one.to_bytes()) == charged


@given(containers, st.data())
def test_any_cut_is_refused(container, data):
    whole = container.to_bytes()
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(BitstreamError):
        Container.from_bytes(whole[:cut], "f")


@given(containers, st.data())
def test_any_flipped_bit_is_noticed(container, data):
    whole = bytearray(container.to_bytes())
    position = data.draw(st.integers(0, len(whole) - 1))
    whole[position] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(BitstreamError):
        Container.from_bytes(bytes(whole), "f")


@given(st.binary(max_size=300))
def test_other_bytes_are_refused(data):
    with pytest.raises(BitstreamError):
        Container.from_bytes(data, "f")
