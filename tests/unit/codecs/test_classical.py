"""Quality of the classical codecs; test_contract.py tests what holds for every codec."""

import numpy as np
import pytest

from workflow_lib.codecs.kinds.jpeg2000 import Jpeg2000Codec
from workflow_lib.codecs.kinds.jpeg2000_per_band import Jpeg2000PerBandCodec
from workflow_lib.codecs.kinds.jpegxl import JpegXlCodec
from workflow_lib.codecs.native_resolution import Jpeg2000NativeCodec, groups_of
from workflow_lib.codecs.spectral_klt import Klt, KltJpeg2000Codec
from workflow_lib.errors import BitstreamError

CODECS = {
    "jpeg2000": lambda bands: Jpeg2000Codec(),
    "jpeg2000-per-band": Jpeg2000PerBandCodec,
    "jpeg2000-native": lambda bands: Jpeg2000NativeCodec(
        groups_of([0.25 if band % 2 else 1.0 for band in range(bands)])
    ),
    "klt-jpeg2000": lambda bands: KltJpeg2000Codec(),
    "jpegxl": lambda bands: JpegXlCodec(effort=4),
}
every_codec = pytest.mark.parametrize("kind", CODECS)


def decoded(codec, image, budget):
    coded = codec.encode(image, budget)
    return coded, codec.decode(coded.payload, coded.side, image.shape)


@pytest.mark.parametrize("bands", [1, 10])
@every_codec
def test_the_target_rate_is_reached_and_quality_rises_with_rate(kind, bands, scene, psnr):
    image = scene(bands)
    quality = []
    for bpppb in (0.3, 0.6, 1.2):
        budget = int(bpppb * image.size / 8)
        coded, image_after = decoded(CODECS[kind](bands), image, budget)
        assert len(coded.payload) + len(coded.side) == pytest.approx(budget, rel=0.01)
        assert not coded.at_floor
        quality.append(psnr(image, image_after))
    assert quality == sorted(quality)
    assert quality[-1] > 36


@pytest.mark.parametrize("bpppb", [0.1, 0.4])
@pytest.mark.parametrize("kind", ["jpeg2000", "klt-jpeg2000", "jpeg2000-native"])
def test_a_single_tile_of_many_bands_reaches_low_rates(kind, bpppb, scene):
    image = scene(10, 128, 128)
    coded = CODECS[kind](10).encode(image, int(bpppb * image.size / 8))
    spent = len(coded.payload) + len(coded.side)
    assert 8 * spent / image.size == pytest.approx(bpppb, rel=0.01)


@every_codec
@pytest.mark.parametrize("value", [1, 300, 65535])
def test_constant_bands_can_be_coded(kind, value, scene):
    image = np.full((3, 40, 24), value, np.uint16)
    image[1] = scene(1, 40, 24)[0]
    _, image_after = decoded(CODECS[kind](3), image, 4000)
    assert np.abs(image_after[0].astype(int) - value).max() <= max(2, value // 500)


def test_the_klt_is_orthonormal_decorrelates_and_inverts(scene):
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


def test_side_information_of_the_klt_is_charged_and_round_trips(scene):
    image = scene(10)
    coded = KltJpeg2000Codec().encode(image, 20000)
    assert len(coded.side) == 4 * (1 + 10 + 100)
    assert Klt.from_bytes(coded.side, 10).to_bytes() == coded.side
    with pytest.raises(BitstreamError):
        Klt.from_bytes(coded.side[:-1], 10)


def test_klt_beats_plain_jpeg2000_which_beats_single_bands_on_correlated_bands(scene, psnr):
    image = scene(10)
    budget = int(0.3 * image.size / 8)
    naive, plain, klt = (
        psnr(image, decoded(CODECS[kind](10), image, budget)[1])
        for kind in ("jpeg2000-per-band", "jpeg2000", "klt-jpeg2000")
    )
    assert klt > plain + 2
    assert plain > naive
