"""JPEG 2000: contents of codestreams, and agreement with other decoders."""

import numpy as np
import pytest

from workflow_lib.codecs.codestream import header_length
from workflow_lib.codecs.framing import unpack
from workflow_lib.codecs.kinds.jpeg2000 import Jpeg2000Codec
from workflow_lib.codecs.kinds.jpeg2000_per_band import Jpeg2000PerBandCodec
from workflow_lib.codecs.native_resolution import Jpeg2000NativeCodec, groups_of, share_out
from workflow_lib.codecs.resampling import coarsen, refine


def test_header_bytes_are_those_of_the_main_header(scene):
    coded = Jpeg2000Codec().encode(scene(3), 5000)
    length = Jpeg2000Codec().payload_header(coded.payload)
    assert 60 < length < 150
    assert coded.payload[length : length + 2] == b"\xff\x90"  # SOT, ISO/IEC 15444-1 A.4.2


def test_the_codestream_has_no_comment(scene):
    assert b"OpenJPEG" not in Jpeg2000Codec().encode(scene(3), 5000).payload


def test_a_simple_image_takes_fewer_bytes_than_the_budget():
    image = np.full((10, 128, 128), 1081, np.uint16)
    spent = [len(Jpeg2000Codec().encode(image, budget).payload) for budget in (2000, 8000)]
    assert spent[0] == spent[1] < 700


@pytest.mark.parametrize(("budget", "wavelet"), [(5000, 0), (None, 1)])
def test_the_wavelet_is_correct_and_there_is_no_colour_transform(budget, wavelet, scene):
    coded = Jpeg2000Codec().encode(scene(3), budget)
    cod = coded.payload.find(b"\xff\x52")
    multiple_component_transform = coded.payload[cod + 8]
    # Table A.20: 0 is 9-7 irreversible, 1 is 5-3 reversible
    assert (multiple_component_transform, coded.payload[cod + 13]) == (0, wavelet)


@pytest.mark.parametrize("budget", [9000, None])
def test_rasterio_decodes_the_same_counts(tmp_path, budget, scene):
    import rasterio

    image = scene(2)
    coded = Jpeg2000Codec().encode(image, budget)
    file = tmp_path / "image.j2k"
    file.write_bytes(coded.payload)
    with rasterio.open(file) as raster:
        np.testing.assert_array_equal(
            raster.read(), Jpeg2000Codec().decode(coded.payload, b"", image.shape)
        )


def test_every_band_gets_the_same_rate_and_headers_are_counted(scene):
    image, codec = scene(4), Jpeg2000PerBandCodec(4)
    coded = codec.encode(image, 6000)
    streams = unpack(coded.payload, 4)
    assert [len(stream) for stream in streams] == pytest.approx([1497] * 4, rel=0.01)
    assert codec.payload_header(coded.payload) == 12 + sum(map(header_length, streams))


def test_bands_are_grouped_by_integer_factors_that_lose_no_resolution():
    groups = groups_of([1, 0.25, 1, 0.25, 1 / 36, 0.36])
    assert [(group.bands, group.factor) for group in groups] == [
        ((0, 2, 5), 1),
        ((1, 3), 2),
        ((4,), 6),
    ]


def test_bands_of_one_resolution_are_coded_as_by_plain_jpeg_2000(scene):
    image = scene(3)
    native = Jpeg2000NativeCodec(groups_of([1.0, 1.0, 1.0])).encode(image, 4000)
    assert native == Jpeg2000Codec().encode(image, 4000)


@pytest.mark.parametrize("side", [64, 63, 2, 1])
@pytest.mark.parametrize("factor", [2, 3])
def test_bilinear_upsampling_is_inverted_at_even_and_odd_sides(side, factor):
    sensed = np.random.default_rng(0).integers(1, 10000, (2, -(-side // factor), 11)).astype(float)
    image = refine(sensed, (side, 11 * factor), factor)
    found = coarsen(np.rint(image).astype(np.uint16), factor)
    assert found.shape == sensed.shape
    assert np.abs(refine(found, image.shape[1:], factor) - image).max() < 3


def test_interpolation_agrees_with_a_bilinear_warp():
    from rasterio.crs import CRS
    from rasterio.transform import from_origin
    from rasterio.warp import Resampling, reproject

    coarse = np.random.default_rng(0).integers(1000, 9000, (20, 20)).astype(np.uint16)
    warped = np.zeros((40, 40), np.uint16)
    reproject(
        coarse,
        warped,
        src_transform=from_origin(0, 0, 20, 20),
        dst_transform=from_origin(0, 0, 10, 10),
        src_crs=CRS.from_epsg(32632),
        dst_crs=CRS.from_epsg(32632),
        resampling=Resampling.bilinear,
    )
    ours = refine(coarse[None].astype(float), (40, 40), 2)[0]
    assert np.abs(ours - warped).max() <= 1


def test_coding_at_native_resolution_preserves_native_pixels(scene, psnr):
    image = scene(4, 128, 128)
    for band in (1, 3):
        image[band] = np.rint(refine(image[band : band + 1, ::2, ::2].astype(float), (128, 128), 2))
    codec = Jpeg2000NativeCodec(groups_of([1, 0.25, 1, 0.25]))
    coded = codec.encode(image, 60000)
    assert psnr(image, codec.decode(coded.payload, b"", image.shape)) > 65
    budget = 6000
    plain = Jpeg2000Codec().encode(image, budget)
    coded = codec.encode(image, budget)
    after = codec.decode(coded.payload, b"", image.shape)
    before = Jpeg2000Codec().decode(plain.payload, b"", image.shape)
    assert psnr(image, after) > psnr(image, before) - 1


def test_the_budget_is_split_for_least_error():
    steep = (np.array([10.0, 110.0]), np.array([1e6, 1.0]))
    flat = (np.array([10.0, 110.0]), np.array([1e3, 9e2]))
    first, second = share_out([steep, flat], 120)
    assert first + second == pytest.approx(120, abs=2)
    assert first > 70
    assert share_out([steep, flat], 5) == [10, 10]
