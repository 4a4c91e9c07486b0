"""LERC: quality, maximum errors, and false headers."""

import struct

import imagecodecs
import numpy as np
import pytest

from workflow_lib.codecs.framing import unpack
from workflow_lib.codecs.kinds import lerc
from workflow_lib.codecs.kinds.lerc import LercCodec
from workflow_lib.errors import BitstreamError


@pytest.mark.parametrize("bands", [1, 10])
def test_quality_rises_with_rate(bands, scene, psnr):
    image, codec, quality = scene(bands), LercCodec(bands), []
    for bpppb in (1.2, 2.5, 5.0):
        budget = int(bpppb * image.size / 8)
        coded = codec.encode(image, budget)
        assert len(coded.payload) == pytest.approx(budget, rel=0.01)
        quality.append(psnr(image, codec.decode(coded.payload, b"", image.shape)))
    assert quality == sorted(quality)
    assert quality[-1] > 50


def test_errors_stay_within_the_maximum_error_in_the_header(scene):
    image, codec = scene(3), LercCodec(3)
    coded = codec.encode(image, image.size // 4)
    decoded = codec.decode(coded.payload, b"", image.shape)
    for band, before, after in zip(unpack(coded.payload, 3), image, decoded, strict=True):
        (most,) = struct.unpack_from("<d", band, 42)
        assert 0 < np.abs(after.astype(int) - before).max() <= most + 0.5


def test_lossless_coding_is_smaller_than_raw_counts(scene):
    image = scene(2)
    assert len(LercCodec(2).encode(image, None).payload) < 0.8 * image.nbytes


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (6, 6),  # version
        (14, 12_000),  # rows
        (18, 12_000),  # columns
        (22, 2),  # depth
        (26, 7),  # valid pixels
        (34, 1),  # bytes
        (38, 7),  # type
    ],
)
def test_a_false_header_is_refused_before_decoding(scene, monkeypatch, place, value):
    good = LercCodec(1).encode(scene(1, 48, 56), 900).payload
    bad = good[:place] + struct.pack("<I", value) + good[place + 4 :]
    monkeypatch.setattr(imagecodecs, "lerc_decode", lambda *_, **__: pytest.fail("it was asked"))
    with pytest.raises(BitstreamError):
        LercCodec(1).decode(bad, b"", (1, 48, 56))


def test_seventy_bytes_that_claim_an_image_of_300_mb_are_refused():
    claim = imagecodecs.lerc_encode(np.full((12_500, 12_000), 300, np.uint16), level=0)
    assert len(claim) == 70
    assert lerc._HEADER.unpack_from(claim)[3:5] == (12_500, 12_000)
    with pytest.raises(BitstreamError, match=r"no band of shape \(48, 56\)"):
        LercCodec(1).decode(claim, b"", (1, 48, 56))
