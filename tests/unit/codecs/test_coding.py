"""Code scenes into containers: units, mosaics, nodata, sizes, and decoding without the encoder."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflow_lib.codecs.base import Codec, Encoded
from workflow_lib.codecs.coding import decode_scene, decode_tile, encode_scene
from workflow_lib.codecs.container import Container, Index
from workflow_lib.codecs.kinds.jpeg2000 import Jpeg2000, Jpeg2000Codec
from workflow_lib.codecs.kinds.jpegxl import JpegXl, JpegXlCodec
from workflow_lib.codecs.kinds.klt_jpeg2000 import KltJpeg2000
from workflow_lib.codecs.mosaic import Mosaic, fill
from workflow_lib.codecs.spectral_klt import KltJpeg2000Codec
from workflow_lib.codecs.units import coding_units
from workflow_lib.errors import BitstreamError
from workflow_lib.measure.coded import coded_table
from workflow_lib.measure.rows import Key


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_a_mosaic_is_split_into_its_tiles(make_tiles_once, data):
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
    from workflow_lib.data.info import TileInfo
    from workflow_lib.data.tiles import Tiles

    number = np.arange(36)
    return Tiles(
        image=rng.integers(1, 9000, (36, 2, 4, 4)).astype(np.uint16),
        label=np.zeros((36, 4, 4), np.uint8),
        scene=np.full(36, "s"),
        row=(number // 6).astype(np.int32),
        col=(number % 6).astype(np.int32),
        block=number.astype(np.int32),
        fold=np.zeros(36, np.int32),
        validation=np.zeros(36, bool),
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


def test_tiles_of_a_block_are_neighbours_in_the_mosaic(make_tiles):
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


def test_missing_pixels_take_the_nearest_pixel_with_all_bands():
    image = np.array([[[5, 6, 0, 8]], [[1, 0, 3, 4]]], np.uint16)
    np.testing.assert_array_equal(fill(image), [[[5, 5, 8, 8]], [[1, 1, 4, 4]]])
    assert (fill(np.zeros((2, 3, 3), np.uint16)) == 1).all()


JPEG2000 = {unit: Jpeg2000(kind="jpeg2000", unit=unit) for unit in ("fold", "tile", "scene")}
KLT = {unit: KltJpeg2000(kind="klt-jpeg2000", unit=unit) for unit in ("fold", "tile", "scene")}


class Recorder(Codec):
    """A codec that stores raw counts and records its calls."""

    def __init__(self, model=bytes(8)):
        self.model, self.asked, self.answered = model, [], []

    @property
    def model_digest(self):
        return self.model

    def encode(self, image, budget):
        return Encoded(image.tobytes(), b"side")

    def decode(self, payload, side, shape):
        assert side == b"side"
        return np.frombuffer(payload, np.uint16).reshape(shape)

    def payload_header(self, payload):
        return 3

    def encode_batch(self, images, budgets):
        self.asked.append(([image.shape for image in images], list(budgets)))
        return super().encode_batch(images, budgets)

    def decode_batch(self, coded, shapes):
        self.answered.append(list(shapes))
        return super().decode_batch(coded, shapes)


def with_gaps(tiles):
    """Remove some pixels and some tiles of a scene."""
    tiles.image[:, :, :5, :7] = 0
    tiles.image[4] = 0
    return tiles._chosen(~np.isin(np.arange(len(tiles)), [1, 6, 15]))


@pytest.mark.parametrize("unit", ["fold", "tile", "scene"])
def test_all_units_are_coded_in_one_batch_and_round_trip(make_tiles, tmp_path, unit):
    tiles, codec, file = with_gaps(make_tiles()), Recorder(), tmp_path / "scene.dlk"
    encode_scene(tiles, codec, JPEG2000[unit], 1.0, file)
    image = decode_scene(file, tiles, codec, JPEG2000[unit])
    np.testing.assert_array_equal(image, tiles.image)
    ((shapes, budgets),) = codec.asked
    assert codec.answered == [shapes]
    assert len(budgets) == len(shapes) == {"fold": 2, "tile": 13, "scene": 1}[unit]
    assert shapes[0][1:] == {"fold": (48, 48), "tile": (16, 16), "scene": (64, 64)}[unit]


@pytest.mark.parametrize("unit", ["fold", "tile", "scene"])
def test_coding_without_a_target_rate_is_lossless(make_tiles, tmp_path, unit):
    codec = Recorder()
    encode_scene(make_tiles(), codec, JPEG2000[unit], None, tmp_path / "scene.dlk")
    assert set(codec.asked[0][1]) == {None}


def test_the_image_of_a_scene_keeps_the_places_of_tiles(make_tiles):
    tiles = with_gaps(make_tiles())
    (unit,) = coding_units(tiles, "scene")
    assert (unit.mosaic.row == tiles.row).all()
    assert (unit.mosaic.col == tiles.col).all()


def test_a_scene_of_few_distant_tiles_becomes_a_mosaic(make_tiles):
    tiles = make_tiles()
    tiles = tiles._chosen(tiles.row == tiles.col)
    (unit,) = coding_units(tiles, "scene")
    assert unit.mosaic.grid == (2, 2)


@pytest.mark.parametrize("unit", ["fold", "tile", "scene"])
def test_sizes_are_bytes_on_disk_and_nodata_is_kept(make_tiles, tmp_path, unit):
    tiles = with_gaps(make_tiles(side=32))
    file = tmp_path / "scene.dlk"
    size = encode_scene(tiles, KltJpeg2000Codec(), KLT[unit], 4.0, file)
    assert file.stat().st_size == size.common + sum(part.coded.total for part in size.units)
    assert sorted(i for part in size.units for i in part.tiles) == list(range(len(tiles)))
    image = decode_scene(file, tiles, KltJpeg2000Codec(), KLT[unit])
    np.testing.assert_array_equal((image == 0).all(axis=1), ~tiles.valid)


@pytest.mark.parametrize("unit", ["fold", "tile", "scene"])
def test_the_target_rate_includes_the_containers_bytes(make_tiles, tmp_path, unit):
    tiles = make_tiles(side=64)
    few = (np.arange(len(tiles)) % 8 == 1).astype(np.int32)
    tiles = replace(tiles, fold=few if unit == "scene" else tiles.fold).holding_out(1)
    size = encode_scene(tiles, Jpeg2000Codec(), JPEG2000[unit], 1.0, tmp_path / "scene.dlk")
    key = Key("d", "c", "1.0")
    table = coded_table(key, tiles, tiles.image, size, [1]).to_pandas()
    rate = table[(table["metric"] == "bpppb") & table["row"].isna()]["value"].item()
    assert rate == pytest.approx(1.0, rel=0.03 if unit == "tile" else 0.01)
    of_tiles = table[(table["metric"] == "bpppb") & table["row"].notna()]["value"]
    if unit == "tile":
        header = 8 * size.common / (tiles.where("test").valid.sum() * 2)
        assert of_tiles.mean() + header == pytest.approx(rate)
        assert of_tiles.between(0.85, 1.02).all()
    assert len(of_tiles) == (8 if unit == "tile" else 0)


def test_scored_tiles_are_charged_by_their_share_of_valid_pixels(make_tiles, tmp_path):
    tiles = make_tiles(side=16)
    tiles.image[tiles.split == "train", :, 8:] = 0  # 4 of 16 tiles are half missing
    charged = {}
    for unit in ("fold", "tile", "scene"):
        size = encode_scene(tiles, Recorder(), JPEG2000[unit], 1.0, tmp_path / "scene.dlk")
        table = coded_table(Key("d", "c", "1.0"), tiles, tiles.image, size, [1]).to_pandas()
        whole = table[table["row"].isna()].set_index("metric")["value"]
        charged[unit] = whole["payload_bytes"], whole["side_bytes"]
        own = sum(part.coded.header for part in size.units)
        assert 0 < whole["header_bytes"] <= size.common + own
        assert unit == "scene" or whole["header_bytes"] > size.common
    raw = 2 * 2 * 16 * 16
    assert charged["fold"] == (9 * raw - 3, 4)  # 8 tiles in a mosaic of 3 × 3
    assert charged["tile"] == (8 * (raw - 3), 8 * 4)
    assert charged["scene"] == (np.ceil((16 * raw - 3) * 8 / 14), np.ceil(4 * 8 / 14))


def test_bytes_of_a_fold_do_not_depend_on_the_other_fold(make_tiles, tmp_path):
    tiles = make_tiles(side=32)
    other = replace(tiles, image=tiles.image.copy())
    other.image[tiles.fold == 0] += 100
    sizes = [
        encode_scene(t, Jpeg2000Codec(), JPEG2000["fold"], 1.0, tmp_path / f"{i}.dlk").units[1]
        for i, t in enumerate((tiles, other))
    ]
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize("unit", ["fold", "tile", "scene"])
def test_one_tile_can_be_decoded_alone(make_tiles, tmp_path, unit):
    tiles, file = with_gaps(make_tiles(side=32)), tmp_path / "scene.dlk"
    encode_scene(tiles, Jpeg2000Codec(), JPEG2000[unit], 2.0, file)
    image = decode_scene(file, tiles, Jpeg2000Codec(), JPEG2000[unit])
    for index in (0, 7, len(tiles) - 1):
        one = decode_tile(file, tiles, index, Jpeg2000Codec(), JPEG2000[unit])
        np.testing.assert_array_equal(one, image[index])


def test_damage_to_other_tiles_does_not_affect_a_tile(make_tiles, tmp_path):
    tiles, file, codec = make_tiles(side=32), tmp_path / "scene.dlk", Recorder()
    encode_scene(tiles, codec, JPEG2000["tile"], 2.0, file)
    data = bytearray(file.read_bytes())
    with file.open("rb") as opened:
        index = Index.read(opened, "f")
    entry = index.entries[5]
    for start, end in ((0, entry.start), (entry.end, index.entries[-1].end)):
        data[index.size + start : index.size + end] = bytes(end - start)
    file.write_bytes(data)
    one = decode_tile(file, tiles, 5, codec, JPEG2000["tile"])
    np.testing.assert_array_equal(one, tiles.image[5])
    with pytest.raises(BitstreamError, match=r"scene\.dlk: unit 4 is damaged"):
        decode_tile(file, tiles, 4, codec, JPEG2000["tile"])


def test_another_scenes_bitstream_is_refused(make_tiles, tmp_path):
    file, config = tmp_path / "scene.dlk", JPEG2000["fold"]
    tiles = make_tiles(side=32)
    encode_scene(tiles, Jpeg2000Codec(), config, 1.0, file)
    elsewhere = replace(tiles, row=tiles.row + np.where(tiles.row > 1, 1, 0).astype(np.int32))
    for other in (make_tiles(grid=3, side=32), elsewhere, tiles.of_fold(0)):
        with pytest.raises(BitstreamError, match=r"other places.*encode the scene again\."):
            decode_scene(file, other, Jpeg2000Codec(), config)
    with pytest.raises(BitstreamError, match="bands and tile side are 2 and 32, not 1 and 32"):
        decode_scene(file, make_tiles(side=32, bands=1), Jpeg2000Codec(), config)
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(BitstreamError, match=r"scene\.dlk: truncated"):
        decode_scene(file, tiles, Jpeg2000Codec(), config)


def test_another_codec_unit_or_weights_are_refused_with_the_remedy(make_tiles, tmp_path):
    tiles, file = make_tiles(), tmp_path / "scene.dlk"
    encode_scene(tiles, Recorder(b"weights1"), JPEG2000["fold"], 1.0, file)
    codec = Recorder(b"weights1")
    with pytest.raises(BitstreamError, match=r"Decode with the codec that wrote it"):
        decode_scene(file, tiles, codec, KLT["fold"])
    with pytest.raises(BitstreamError, match=r"unit fold.* unit tile"):
        decode_scene(file, tiles, codec, JPEG2000["tile"])
    with pytest.raises(BitstreamError, match=r"Decode with the weights that coded it"):
        decode_scene(file, tiles, Recorder(b"weights2"), JPEG2000["fold"])
    assert codec.answered == []


def test_settings_of_the_encoder_do_not_affect_decoding(make_tiles, tmp_path):
    tiles, file = make_tiles(side=32), tmp_path / "scene.dlk"
    fast, thorough = (JpegXl(kind="jpegxl", effort=effort) for effort in (1, 7))
    encode_scene(tiles, JpegXlCodec(1), fast, 4.0, file)
    image = decode_scene(file, tiles, JpegXlCodec(7), thorough)
    assert np.abs(image - tiles.image.astype(int)).mean() < 100


def test_wrong_unit_sizes_are_refused_before_decoding(make_tiles, tmp_path):
    tiles, file, codec = make_tiles(), tmp_path / "scene.dlk", Recorder()
    encode_scene(tiles, codec, JPEG2000["fold"], 1.0, file)
    true = Container.from_bytes(file.read_bytes(), "f")
    first, second = true.units
    large = bytes(5 * len(first.payload) + 2**16)
    for units in (
        (),
        (first,),
        (first, first),
        (second, first),
        (replace(first, rows=first.rows + 1), second),
        (replace(first, payload=large), second),
    ):
        file.write_bytes(Container(true.header, units).to_bytes())
        with pytest.raises(BitstreamError, match=r"scene\.dlk: .*Encode the scene again\."):
            decode_scene(file, tiles, codec, JPEG2000["fold"])
    assert codec.answered == []


def test_lossless_coding_keeps_every_valid_count(make_tiles, tmp_path):
    tiles = make_tiles()
    tiles.image[3, :, 2:5, 4] = 0
    file = tmp_path / "scene.dlk"
    size = encode_scene(tiles, Jpeg2000Codec(), JPEG2000["fold"], None, file)
    image = decode_scene(file, tiles, Jpeg2000Codec(), JPEG2000["fold"])
    np.testing.assert_array_equal(image, tiles.image)
    assert not any(unit.at_floor for unit in size.units)
