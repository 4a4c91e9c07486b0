import pytest

from workflow_lib.codecs.base import CodedBytes
from workflow_lib.measure.rate import rates


@pytest.fixture
def sentinel(toy_tiles):
    import numpy as np

    # 10 bands: four at 10 m, six at 20 m
    native = (1.0,) * 4 + (0.25,) * 6
    return toy_tiles(np.ones((1, 10, 16, 16)), native_fraction=native).info


def test_rates_by_hand(sentinel):
    figures = rates(CodedBytes(payload=900, header=60, side=40), pixels=256, info=sentinel)
    assert figures["bpppb"] == pytest.approx(8000 / 2560)
    assert figures["bpp"] == pytest.approx(8000 / 256)
    assert figures["bpppb_native"] == pytest.approx(8000 / (256 * 5.5))
    assert figures["compression_ratio"] == pytest.approx(16 / figures["bpppb"])
    assert (figures["payload_bytes"], figures["header_bytes"], figures["side_bytes"]) == (
        900,
        60,
        40,
    )


def test_uncompressed_counts_have_ratio_one(sentinel):
    figures = rates(CodedBytes(payload=2 * 2560, header=0, side=0), pixels=256, info=sentinel)
    assert figures["compression_ratio"] == 1
    assert figures["bpppb"] == 16


def test_coded_bytes_add_up():
    assert CodedBytes(1, 2, 3) + CodedBytes(10, 20, 30) == CodedBytes(11, 22, 33)
    assert CodedBytes(1, 2, 3).total == 6


def test_a_rate_without_pixels_is_refused(sentinel):
    with pytest.raises(ValueError, match="valid pixel"):
        rates(CodedBytes(1, 0, 0), pixels=0, info=sentinel)
