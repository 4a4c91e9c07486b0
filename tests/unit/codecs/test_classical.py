"""The classical codecs: real bitstreams, any band number, the rate that was asked for."""

import numpy as np
import pytest

from workflow_lib.codecs.jpeg2000 import Jpeg2000Codec
from workflow_lib.codecs.jpegxl import JpegXlCodec
from workflow_lib.codecs.spectral import Klt, KltJpeg2000Codec
from workflow_lib.errors import BitstreamError

CODECS = {
    "jpeg2000": Jpeg2000Codec(),
    "klt-jpeg2000": KltJpeg2000Codec(),
    "jpegxl": JpegXlCodec(effort=4),
}


def scene(bands, height=192, width=160, seed=0):
    """Spatially smooth, spectrally correlated counts with some texture."""
    rng = np.random.default_rng(seed)
    rows, cols = np.mgrid[:height, :width] / 32
    base = 3000 + 1200 * np.sin(rows + 0.3 * cols) + 900 * np.cos(1.7 * cols)
    texture = rng.normal(0, 80, (height, width))
    gains = np.linspace(0.5, 1.5, bands)[:, None, None]
    own = rng.normal(0, 8, (bands, height, width))
    return np.rint(gains * (base + texture) + own).clip(1, 65535).astype(np.uint16)


def psnr(a, b):
    return 10 * np.log10(10000**2 / np.mean((a.astype(float) - b) ** 2))


def decoded(codec, image, budget):
    coded = codec.encode(image, budget)
    return coded, codec.decode(coded.payload, coded.side, image.shape)


@pytest.mark.parametrize("bands", [1, 2, 10])
@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_the_rate_is_reached_and_more_bytes_give_more_quality(codec, bands):
    image = scene(bands)
    quality = []
    for bpppb in (0.3, 0.6, 1.2):
        budget = int(bpppb * image.size / 8)
        coded, image_after = decoded(codec, image, budget)
        spent = len(coded.payload) + len(coded.side)
        assert 0.85 * budget < spent <= 1.02 * budget  # few code-blocks: coarse steps
        assert not coded.at_floor
        assert image_after.shape == image.shape
        assert image_after.dtype == np.uint16
        quality.append(psnr(image, image_after))
    assert quality == sorted(quality)
    assert quality[-1] > 40


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_a_floor_is_said(codec):
    image = scene(2, 32, 32)
    coded, image_after = decoded(codec, image, 20)
    assert coded.at_floor
    assert len(coded.payload) + len(coded.side) > 20
    assert image_after.shape == image.shape


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
@pytest.mark.parametrize("value", [1, 300, 65535])
def test_constant_bands_survive(codec, value):
    image = np.full((3, 40, 24), value, np.uint16)
    image[1] = scene(1, 40, 24)[0]
    _, image_after = decoded(codec, image, 4000)
    assert np.abs(image_after[0].astype(int) - value).max() <= max(2, value // 500)


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_no_decoded_pixel_becomes_nodata_or_wraps(codec):
    rng = np.random.default_rng(1)
    image = np.where(rng.random((2, 64, 64)) < 0.5, 1, 65535).astype(np.uint16)
    _, image_after = decoded(codec, image, 900)
    assert image_after.min() >= 1
    low, high = image_after[image == 1].mean(), image_after[image == 65535].mean()
    assert low < high


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_damage_is_one_documented_error(codec):
    image = scene(2, 64, 64)
    coded = codec.encode(image, 3000)
    for payload in (b"", b"rubbish" * 20, coded.payload[: len(coded.payload) // 20]):
        with pytest.raises(BitstreamError):
            codec.decode(payload, coded.side, image.shape)
    with pytest.raises(BitstreamError):
        codec.decode(coded.payload, coded.side, (2, 64, 63))


def test_the_headers_own_length_is_that_of_the_main_header():
    image = scene(3)
    codec = Jpeg2000Codec()
    coded = codec.encode(image, 5000)
    length = codec.payload_header(coded.payload)
    assert 60 < length < 250
    assert coded.payload[length : length + 2] == b"\xff\x90"  # SOT, ISO/IEC 15444-1 A.4.2


def test_the_codestream_is_irreversible_without_a_colour_transform():
    coded = Jpeg2000Codec().encode(scene(3), 5000)
    cod = coded.payload.find(b"\xff\x52")
    multiple_component_transform = coded.payload[cod + 8]
    wavelet = coded.payload[cod + 13]
    assert (multiple_component_transform, wavelet) == (0, 0)  # Table A.20: 0 is 9-7 irreversible


def test_the_klt_is_orthonormal_decorrelates_and_inverts():
    image = scene(5)
    klt = Klt.fit(image)
    np.testing.assert_allclose(klt.basis @ klt.basis.T, np.eye(5), atol=1e-5)
    coefficients = klt.forward(image).reshape(5, -1).astype(float)
    covariance = np.cov(coefficients)
    assert np.all(np.diff(np.diag(covariance)) <= 0)
    off_diagonal = covariance - np.diag(np.diag(covariance))
    assert np.abs(off_diagonal).max() < 0.01 * covariance[0, 0]
    assert np.abs(klt.inverse(klt.forward(image)).astype(int) - image).max() <= 2


def test_the_klt_does_not_overflow_at_full_range():
    rng = np.random.default_rng(0)
    image = np.broadcast_to(rng.integers(1, 65536, (1, 32, 32)), (12, 32, 32)).astype(np.uint16)
    klt = Klt.fit(image)
    assert klt.scale < 1
    assert np.abs(klt.inverse(klt.forward(image)).astype(int) - image).max() <= 4


def test_the_klts_bytes_are_charged_and_round_trip():
    image = scene(10)
    coded = KltJpeg2000Codec().encode(image, 20000)
    assert len(coded.side) == 4 * (1 + 10 + 100)
    assert Klt.from_bytes(coded.side, 10).to_bytes() == coded.side
    with pytest.raises(BitstreamError):
        Klt.from_bytes(coded.side[:-1], 10)


def test_the_klt_beats_plain_jpeg2000_on_correlated_bands():
    image = scene(10)
    budget = int(0.3 * image.size / 8)
    plain = psnr(image, decoded(Jpeg2000Codec(), image, budget)[1])
    assert psnr(image, decoded(KltJpeg2000Codec(), image, budget)[1]) > plain + 2


def test_rasterios_reader_agrees_with_ours(tmp_path):
    import rasterio

    image = scene(2)
    coded = Jpeg2000Codec().encode(image, 9000)
    file = tmp_path / "image.j2k"
    file.write_bytes(coded.payload)
    with rasterio.open(file) as raster:
        np.testing.assert_array_equal(
            raster.read(), Jpeg2000Codec().decode(coded.payload, b"", image.shape)
        )
