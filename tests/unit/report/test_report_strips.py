import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from workflow_lib.data.info import TileInfo
from workflow_lib.data.tiles import Tiles
from workflow_lib.errors import DownlinkError
from workflow_lib.report.tile_strips import (
    OUTCOMES,
    affordable_side,
    choose_tile,
    draw,
    make_strip,
)

WHITE, DARK, FALSE, MISSED, GREY = (
    tuple(bytes.fromhex(OUTCOMES[name][1:]))
    for name in ("class found", "rest", "false alarm", "missed", "not scored")
)


def tiles_of(image, label, split="test", wavelengths=None):
    image = np.asarray(image, np.uint16)
    count, bands = image.shape[:2]
    numbers = np.arange(count, dtype=np.int32)
    return Tiles(
        image=image,
        label=np.asarray(label, np.uint8),
        scene=np.full(count, "scene"),
        row=numbers,
        col=numbers,
        block=numbers,
        fold=numbers,
        validation=np.zeros(count, bool),
        split=np.broadcast_to(np.asarray(split), count).copy(),
        info=TileInfo(
            dataset="toy",
            bands=tuple(f"B{n}" for n in range(bands)),
            wavelengths_um=wavelengths or tuple(1.0 + n for n in range(bands)),
            native_fraction=(1.0,) * bands,
            scale=0.01,
            offset=0.0,
            unit="K",
            data_range=10000.0,
        ),
    )


def pixels(uri):
    data = base64.b64decode(uri.removeprefix("data:image/png;base64,"))
    return np.array(Image.open(io.BytesIO(data)).convert("RGB"))


def colours(uri):
    return {tuple(map(int, pixel)) for pixel in pixels(uri).reshape(-1, 3)}


@pytest.fixture
def four():
    """Generate four tiles with shares of the positive class of 1/16, 4/16, 8/16 and 16/16."""
    label = np.zeros((4, 16), np.uint8)
    for tile, count in enumerate((1, 4, 8, 16)):
        label[tile, :count] = 1
    image = np.random.default_rng(0).integers(100, 9000, (4, 1, 4, 4))
    return tiles_of(image, label.reshape(4, 4, 4))


def test_the_tile_with_both_classes_is_chosen(four):
    assert choose_tile(four) == 2


def test_the_tile_with_most_pixels_of_a_rare_class_is_chosen(four):
    rare = replace(four, label=np.where(np.arange(4)[:, None, None] < 2, four.label, 0))
    assert choose_tile(rare) == 1


def test_training_tiles_and_tiles_with_nodata_are_not_chosen(four):
    split = np.array(["test", "test", "train", "test"])
    image = four.image.copy()
    assert choose_tile(replace(four, split=split)) == 1
    image[1, 0, 3, 3] = 0
    assert choose_tile(replace(four, split=split, image=image)) == 0


def test_a_tile_with_nodata_is_chosen_if_all_have_nodata(four):
    image = four.image.copy()
    image[:, 0, 3, 3] = 0
    assert choose_tile(replace(four, image=image)) == 2


def test_a_fold_without_tiles_is_refused(four):
    with pytest.raises(DownlinkError, match="salt"):
        choose_tile(replace(four, split=np.full(4, "train")))


def test_a_lossless_picture_equals_the_original_and_has_no_error(four):
    strip = make_strip(four, 2, {("a", "1"): four.image[2]}, {})
    pictures = draw(strip, 128)
    cell = pictures.cells["a", "1"]
    assert cell.reconstruction == pictures.original
    assert len(colours(cell.error)) == 1
    assert cell.map is None
    assert pictures.map is None
    assert pictures.error_peak == 0.01


def test_errors_are_in_physical_units_on_one_scale(four):
    decoded = {("a", "1"): four.image[2] + 50, ("a", "2"): four.image[2] + 200}
    pictures = draw(make_strip(four, 2, decoded, {}), 128)
    assert (pictures.error_peak, pictures.unit) == (2.0, "K")
    (quarter,), (full,) = (colours(pictures.cells["a", rate].error) for rate in ("1", "2"))
    scale = pixels(pictures.scale)[0]
    assert tuple(scale[-1]) == full
    assert tuple(scale[round(254 / 4)]) == quarter


def test_map_colours_show_hits_false_alarms_misses_and_unscored_pixels():
    label = np.array([[[1, 1, 0, 0], [255, 1, 0, 255]]])
    tiles = tiles_of(np.full((1, 1, 2, 4), 700), label)
    probability = np.array([[0.9, 0.1, 0.9, 0.1], [0.9, 0.5, 0.4, 0.1]], np.float32)
    strip = make_strip(tiles, 0, {}, {("a", "1"): (probability, 0.5)})
    found = pixels(draw(strip, 128).cells["a", "1"].map)
    expected = [[WHITE, MISSED, FALSE, DARK], [GREY, WHITE, DARK, GREY]]
    assert found.tolist() == [[list(pixel) for pixel in row] for row in expected]


def test_nodata_pixels_are_grey_in_all_pictures():
    image = np.full((1, 3, 4, 4), 5000)
    image[0, 1, 0, 0] = 0
    tiles = tiles_of(image, np.ones((1, 4, 4)))
    decoded = {("a", "1"): np.full((3, 4, 4), 4000, np.uint16)}
    prediction = {("a", "1"): (np.ones((4, 4), np.float32), 0.5)}
    pictures = draw(make_strip(tiles, 0, decoded, prediction), 128)
    cell = pictures.cells["a", "1"]
    for uri in (pictures.original, pictures.label, cell.reconstruction, cell.error, cell.map):
        assert tuple(pixels(uri)[0, 0]) == (128, 128, 128)
        assert tuple(pixels(uri)[1, 1]) != (128, 128, 128)


def test_pictures_use_the_bands_nearest_to_red_green_and_blue():
    wavelengths = (0.49, 0.56, 0.665, 0.842, 1.61)
    tiles = tiles_of(np.full((1, 5, 4, 4), 5), np.ones((1, 4, 4)), wavelengths=wavelengths)
    assert draw(make_strip(tiles, 0, {}, {}), 128).channels == ("B2", "B1", "B0")


def test_false_colour_without_visible_bands_and_grey_below_three_bands():
    infrared = tiles_of(np.full((1, 3, 4, 4), 5), np.ones((1, 4, 4)), wavelengths=(3.8, 8.6, 11.5))
    two = tiles_of(np.full((1, 2, 4, 4), 5), np.ones((1, 4, 4)))
    assert draw(make_strip(infrared, 0, {}, {}), 128).channels == ("B2", "B1", "B0")
    assert draw(make_strip(two, 0, {}, {}), 128).channels == ("B0",)


@pytest.mark.parametrize(("row", "col"), [(0, 0), (63, 63), (31, 40)])
def test_large_tiles_are_cut_around_the_class(row, col):
    label = np.zeros((1, 64, 64))
    label[0, row, col] = 1
    tiles = tiles_of(np.full((1, 1, 64, 64), 700), label)
    pictures = draw(make_strip(tiles, 0, {}, {}), 32)
    assert pictures.side == 32
    assert pixels(pictures.label).shape == (32, 32, 3)
    assert WHITE in colours(pictures.label)
    assert "cut from 64" in pictures.place


def test_arrays_of_a_different_size_are_refused(four):
    with pytest.raises(ValueError, match="reconstruction"):
        make_strip(four, 0, {("a", "1"): four.image[0, :, :2]}, {})
    with pytest.raises(ValueError, match="map"):
        make_strip(four, 0, {}, {("a", "1"): (np.ones((2, 2), np.float32), 0.5)})


def test_many_noisy_pictures_fit_a_page():
    rng = np.random.default_rng(0)
    tiles = tiles_of(rng.integers(1, 9000, (1, 3, 256, 256)), rng.integers(0, 2, (1, 256, 256)))
    points = [(codec, str(rate)) for codec in "abcd" for rate in range(10)]
    decoded = {point: rng.permuted(tiles.image[0], axis=2) for point in points}
    predicted = {point: (rng.random((256, 256), np.float32), 0.5) for point in points}
    strip = make_strip(tiles, 0, decoded, predicted, predicted[points[0]])
    strips = [strip] * 3
    side = affordable_side(strips)
    assert 32 < side < 128
    pictures = draw(strip, side)
    shared = pictures.original, pictures.label, pictures.map
    cells = sum(len("".join(vars(cell).values())) for cell in pictures.cells.values())
    assert 3 * (cells + 4 * len("".join(shared))) < 5_500_000
