"""A scene through a container: mosaics, nodata, byte counts, and decoding elsewhere."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflow_lib.codecs.coding import decode_scene, encode_scene
from workflow_lib.codecs.container import Container
from workflow_lib.codecs.jpeg2000 import Jpeg2000Codec
from workflow_lib.codecs.mosaic import Mosaic, fill
from workflow_lib.codecs.spectral import KltJpeg2000Codec
from workflow_lib.errors import BitstreamError


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_a_mosaic_comes_apart_into_its_tiles(make_tiles_once, data):
    tiles = make_tiles_once
    chosen = data.draw(st.sets(st.integers(0, len(tiles) - 1), min_size=1))
    side = data.draw(st.integers(1, 3))
    picked = np.array(sorted(chosen))
    part = tiles._chosen(np.isin(np.arange(len(tiles)), picked))
    part = replace(part, block=part.row // side * 100 + part.col // side)
    mosaic = Mosaic.of(part)
    places = set(zip(mosaic.row.tolist(), mosaic.col.tolist(), strict=True))
    assert len(places) == len(part)
    np.testing.assert_array_equal(mosaic.take_apart(mosaic.assemble(part.image)), part.image)


@pytest.fixture(scope="session")
def make_tiles_once():
    rng = np.random.default_rng(0)
    from workflow_lib.data.tiles import TileInfo, Tiles

    number = np.arange(36)
    return Tiles(
        image=rng.integers(1, 9000, (36, 2, 4, 4)).astype(np.uint16),
        label=np.zeros((36, 4, 4), np.uint8),
        scene=np.full(36, "s"),
        row=(number // 6).astype(np.int32),
        col=(number % 6).astype(np.int32),
        block=number.astype(np.int32),
        fold=np.zeros(36, np.int32),
        split=np.full(36, "test"),
        info=TileInfo(
            dataset="d",
            bands=("a", "b"),
            wavelengths_um=(1, 2),
            native_fraction=(1, 1),
            scale=1,
            offset=0,
            unit="1",
            data_range=10000,
        ),
    )


def test_tiles_of_one_block_stay_neighbours(make_tiles):
    tiles = make_tiles(grid=4)
    tiles = replace(tiles, block=(tiles.row // 2 * 2 + tiles.col // 2).astype(np.int32))
    mosaic = Mosaic.of(tiles)
    for block in range(4):
        own = tiles.block == block
        np.testing.assert_array_equal(
            mosaic.row[own] - mosaic.row[own].min(), tiles.row[own] - tiles.row[own].min()
        )
        np.testing.assert_array_equal(
            mosaic.col[own] - mosaic.col[own].min(), tiles.col[own] - tiles.col[own].min()
        )


def test_missing_pixels_are_filled_with_the_nearest_whole_pixel():
    image = np.array([[[5, 6, 0, 8]], [[1, 0, 3, 4]]], np.uint16)
    np.testing.assert_array_equal(fill(image), [[[5, 5, 8, 8]], [[1, 1, 4, 4]]])
    assert (fill(np.zeros((2, 3, 3), np.uint16)) == 1).all()


def test_rates_are_the_bytes_on_disk_and_nodata_stays(make_tiles, tmp_path):
    tiles = make_tiles(side=32)
    tiles.image[:, :, :5, :7] = 0
    file = tmp_path / "scene.dlk"
    sizes = encode_scene(tiles, KltJpeg2000Codec(), "klt-jpeg2000", 2.0, file)
    bodies = sum(size.coded.total for size in sizes)
    shared = 11 + 4  # the common header and its checksum are charged to each of the two units
    assert file.stat().st_size == bodies - shared
    for size in sizes:
        part = tiles.of_fold(size.fold)
        bpppb = 8 * size.coded.total / (part.valid.sum() * 2)
        assert bpppb == pytest.approx(2.0, rel=0.04)
    image = decode_scene(file, tiles, KltJpeg2000Codec(), "klt-jpeg2000")
    np.testing.assert_array_equal((image == 0).all(axis=1), ~tiles.valid)


def test_what_the_other_fold_holds_does_not_change_a_folds_bytes(make_tiles, tmp_path):
    tiles = make_tiles(side=32)
    other = replace(tiles, image=tiles.image.copy())
    other.image[tiles.fold == 0] += 100
    sizes = [
        encode_scene(t, Jpeg2000Codec(), "jpeg2000", 1.0, tmp_path / f"{i}.dlk")[1]
        for i, t in enumerate((tiles, other))
    ]
    assert sizes[0] == sizes[1]


def test_another_scenes_bitstream_is_refused(make_tiles, tmp_path):
    file = tmp_path / "scene.dlk"
    encode_scene(make_tiles(side=32), Jpeg2000Codec(), "jpeg2000", 1.0, file)
    with pytest.raises(BitstreamError, match=r"Encode again\."):
        decode_scene(file, make_tiles(grid=3, side=32), Jpeg2000Codec(), "jpeg2000")
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(BitstreamError, match=r"scene\.dlk: truncated"):
        decode_scene(file, make_tiles(side=32), Jpeg2000Codec(), "jpeg2000")


def test_other_bands_codecs_and_folds_are_refused(make_tiles, tmp_path):
    file = tmp_path / "scene.dlk"
    one_band, two_bands = make_tiles(side=32, bands=1), make_tiles(side=32, bands=2)
    encode_scene(one_band, Jpeg2000Codec(), "jpeg2000", 1.0, file)
    one_fold = one_band.of_fold(0)
    for tiles, kind in ((two_bands, "jpeg2000"), (one_band, "jpegxl"), (one_fold, "jpeg2000")):
        with pytest.raises(BitstreamError, match=r"scene\.dlk: codec, bands, tile side and folds"):
            decode_scene(file, tiles, Jpeg2000Codec(), kind)
    file.write_bytes(Container("jpeg2000", 1, 32, ()).to_bytes())
    with pytest.raises(BitstreamError, match="folds"):
        decode_scene(file, one_band, Jpeg2000Codec(), "jpeg2000")


def test_without_a_target_every_valid_count_comes_back(make_tiles, tmp_path):
    tiles = make_tiles()
    tiles.image[3, :, 2:5, 4] = 0
    file = tmp_path / "scene.dlk"
    sizes = encode_scene(tiles, Jpeg2000Codec(), "jpeg2000", None, file)
    image = decode_scene(file, tiles, Jpeg2000Codec(), "jpeg2000")
    np.testing.assert_array_equal(image, tiles.image)
    assert not any(size.at_floor for size in sizes)
