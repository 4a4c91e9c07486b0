import dataclasses

import numpy as np
import pytest

from workflow_lib.data.info import TileInfo
from workflow_lib.data.tiles import Tiles
from workflow_lib.measure.correlation import correlation_length

SIDE = 16
INFO = TileInfo(
    dataset="toy",
    bands=("B0",),
    wavelengths_um=(1.0,),
    native_fraction=(1.0,),
    scale=0.01,
    offset=0.0,
    unit="K",
    data_range=10000,
)


def tiled(*scenes):
    """Cut label maps of scenes, [y, x], into tiles; their sides are multiples of SIDE."""
    parts = []
    for number, label in enumerate(scenes):
        rows, cols = (size // SIDE for size in label.shape)
        blocked = label.reshape(rows, SIDE, cols, SIDE).swapaxes(1, 2).reshape(-1, SIDE, SIDE)
        row, col = np.divmod(np.arange(rows * cols), cols)
        parts.append((blocked, np.full(rows * cols, f"scene{number}"), row, col))
    label, scene, row, col = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    count = len(label)
    return Tiles(
        image=np.ones((count, 1, SIDE, SIDE), np.uint16),
        label=label.astype(np.uint8),
        scene=scene,
        row=row.astype(np.int32),
        col=col.astype(np.int32),
        block=np.zeros(count, np.int32),
        fold=np.zeros(count, np.int32),
        validation=np.zeros(count, bool),
        split=np.full(count, "train"),
        info=INFO,
    )


def squares(rng, side, size=512, count=60):
    label = np.zeros((size, size))
    for y, x in rng.integers(0, size - side, (count, 2)):
        label[y : y + side, x : x + side] = 1
    return label


def telegraph(rng, length, size):
    """Random signal of ±1 with correlation exp(−lag / length)."""
    flips = rng.random(size) < (1 - np.exp(-1 / length)) / 2
    return np.where(np.cumsum(flips) % 2, -1, 1) * rng.choice([-1, 1])


@pytest.mark.parametrize("side", [5, 12, 30])
def test_sparse_squares(side):
    # sparse squares have correlation 1 − lag / side, which is 1/e at 0.632 · side
    label = squares(np.random.default_rng(1), side, count=30)
    assert correlation_length(tiled(label)) == pytest.approx(side * (1 - 1 / np.e), rel=0.12)


@pytest.mark.parametrize("length", [3, 8])
def test_exponential_correlation_over_scenes_of_many_sizes(length):
    rng = np.random.default_rng(2)
    sizes = rng.integers(4, 12, (60, 2)) * SIDE
    scenes = [
        telegraph(rng, length, rows)[:, None] * telegraph(rng, length, cols) > 0
        for rows, cols in sizes
    ]
    assert correlation_length(tiled(*scenes)) == pytest.approx(length, rel=0.1)


def test_values_of_ignored_pixels_do_not_count():
    rng = np.random.default_rng(3)
    tiles = tiled(squares(rng, 12))
    whole = correlation_length(tiles)
    label = np.where(rng.random(tiles.label.shape) < 0.3, 255, tiles.label).astype(np.uint8)
    image = tiles.image.copy()
    image[::7] = 0
    masked = dataclasses.replace(tiles, label=label, image=image)
    assert correlation_length(masked) == pytest.approx(whole, rel=0.1)
    relabelled = np.where((image[:, 0] == 0) & (label == 0), 1, label).astype(np.uint8)
    again = correlation_length(dataclasses.replace(masked, label=relabelled))
    assert again == correlation_length(masked)
    absent = masked._chosen(masked.image[:, 0, 0, 0] != 0)
    assert correlation_length(absent) == pytest.approx(correlation_length(masked))


def test_correlation_length_agrees_with_direct_sums():
    label = np.random.default_rng(4).choice([0, 1, 255], (32, 48), p=[0.5, 0.3, 0.2])
    known = np.where(label == 255, np.nan, label)
    d = known - np.nanmean(known)
    expected = [1.0]
    for lag in (1, 2):
        pairs = np.concatenate([(d[lag:] * d[:-lag]).ravel(), (d[:, lag:] * d[:, :-lag]).ravel()])
        expected.append(np.nanmean(pairs) / np.nanmean(d**2))
    crossing = (1 - 1 / np.e) / (1 - expected[1])
    assert expected[1] < 1 / np.e
    assert correlation_length(tiled(label)) == pytest.approx(crossing)


@pytest.mark.parametrize("value", [0, 1, 255])
def test_constant_labels_have_length_zero(value):
    assert correlation_length(tiled(np.full((32, 64), value))) == 0


def test_correlation_length_is_at_most_the_longest_side_of_a_scene():
    scenes = [np.zeros((32, 32)), np.ones((16, 48)), np.ones((32, 16))]
    assert correlation_length(tiled(*scenes)) == 48
