"""Tiling keeps within its budget, and the store does not depend on the budget."""

import re
import time
import weakref

import numpy as np
import pytest
from rasterio.transform import from_origin

from workflow_lib.config.datasets import Budget, Folds, Tiling
from workflow_lib.data import cutting, scene_strips, store
from workflow_lib.data.scene_strips import StripGrid
from workflow_lib.data.scenes import Scene, write_scene
from workflow_lib.data.shards import Shards
from workflow_lib.data.splits import census
from workflow_lib.data.store import Variable
from workflow_lib.data.tiles import TileInfo
from workflow_lib.data.tiling import write_tiles
from workflow_lib.errors import DownlinkError
from workflow_lib.files import tree_sha256

INFO = TileInfo(
    dataset="made",
    bands=("red", "nir"),
    wavelengths_um=(0.66, 0.83),
    native_fraction=(1, 1),
    scale=1e-4,
    offset=0,
    unit="1",
    data_range=10000,
)


@pytest.fixture
def scene(tmp_path, monkeypatch):
    """Write a scene of four strips with a hole, for shards of seven tiles."""
    rng = np.random.default_rng(3)
    image = rng.integers(1, 9999, (2, 900, 700)).astype(np.uint16)
    image[:, 200:420, 100:300] = 0
    label = (image[0] > 8000).astype(np.uint8)
    label[600:] = 0
    path = tmp_path / "scene.tif"
    made = Scene(image, label, from_origin(5e5, 4e6, 10, 10), None)
    write_scene(made, INFO.bands, "scene", path)
    monkeypatch.setattr(store, "_SHARD_BYTES", 7 * 3 * 2 * 32**2)
    return path


def tile(scene, name, side=32, **budget):
    target = scene.with_name(f"{name}.zarr")
    tiling = Tiling(tile=side, min_valid=0.25, folds=Folds(block_tiles=2, salt="a"))
    counted = write_tiles(scene, "scene", INFO, "reflectance", tiling, target, Budget(**budget))
    return target, counted


def least_memory(scene, threads):
    with pytest.raises(
        DownlinkError, match=r"tiling_budget\.memory_mb: 1 MB is too little"
    ) as refused:
        tile(scene, "refused", threads=threads, memory_mb=1)
    return int(re.search(r"(\d+) MB is enough", str(refused.value))[1])


def test_the_store_is_the_same_for_all_threads_and_memory(scene):
    stores = [
        tile(scene, "one", threads=1, memory_mb=least_memory(scene, 1))[0],
        tile(scene, "few", threads=4, memory_mb=least_memory(scene, 4))[0],
        tile(scene, "many", threads=4, memory_mb=4000)[0],
    ]
    assert len({tree_sha256(made) for made in stores}) == 1
    shards = list((stores[0] / "image/c").iterdir())
    assert len(shards) == -(-len(store.read_tiles(stores[:1])) // 7)


@pytest.mark.parametrize("side", [48, 100, 256, 320])
def test_every_tile_of_any_side_is_read_in_order(scene, side):
    target, counted = tile(scene, "any", side, threads=3, memory_mb=1000)
    tiles = store.read_tiles([target])
    places = list(zip(tiles.row.tolist(), tiles.col.tolist(), strict=True))
    assert places == sorted(places)
    shape = (-(-900 // side), -(-700 // side))
    padded = np.zeros((shape[0] * side, shape[1] * side), bool)
    padded[:900, :700] = True
    padded[200:420, 100:300] = False
    shares = padded.reshape(shape[0], side, shape[1], side).mean(axis=(1, 3))
    assert places == [tuple(place) for place in np.argwhere(shares >= 0.25).tolist()]
    told = census(tiles)
    for name in ("block", "fold", "validation", "labelled", "positive"):
        np.testing.assert_array_equal(getattr(counted, name), getattr(told, name))


def test_shards_equal_those_that_zarr_writes(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "_SHARD_BYTES", 4 * 3 * 2 * 32**2)
    rng = np.random.default_rng(0)
    pixels = rng.integers(1, 500, (10, 3, 32, 32)).astype(np.uint16)
    pixels[:, -1] = rng.integers(0, 2, (10, 32, 32))
    pixels[[1, 4, 5, 6, 7], -1] = 0
    variables = {
        "image": Variable(("tile", "band", "y", "x"), pixels[:, :-1]),
        "label": Variable(("tile", "y", "x"), pixels[:, -1].astype(np.uint8)),
    }
    store.write_store(variables, {}, tmp_path / "zarr", 4)
    shards = Shards(tmp_path / "ours", 3, 32)
    for number in range(3):
        shards.write(number, list(pixels[4 * number : 4 * number + 4]))
    for name in ("image/c", "label/c"):
        assert tree_sha256(tmp_path / "ours" / name) == tree_sha256(tmp_path / "zarr" / name)
    assert not (tmp_path / "ours/label/c/1/0/0").exists()


@pytest.mark.parametrize("allowed", [1, 2])
def test_the_number_of_strips_in_memory_is_limited(scene, monkeypatch, allowed):
    held, most = 0, 0
    read, write = scene_strips._padded, Shards.write

    def left(count):
        nonlocal held
        held -= count

    def counting(*arguments):
        nonlocal held, most
        pixels = read(*arguments)
        held += pixels.nbytes
        most = max(most, held)
        weakref.finalize(pixels, left, pixels.nbytes)
        return pixels

    def slow(*arguments):
        time.sleep(0.005)
        write(*arguments)

    monkeypatch.setattr(scene_strips, "_padded", counting)
    monkeypatch.setattr(Shards, "write", slow)
    monkeypatch.setattr(cutting, "_strips_at_once", lambda *_: allowed)
    tile(scene, "slowly", threads=4, memory_mb=1000)
    strip = StripGrid(900, 700, 3, 32, 256).strip_bytes
    assert (allowed - 1) * strip < most <= allowed * strip


def test_more_memory_allows_more_strips(scene):
    grid, shards = StripGrid(20_000, 20_000, 11, 128, 256), Shards(scene.parent / "none", 11, 128)
    few, many = (
        cutting._strips_at_once(grid, shards, Budget(threads=8, memory_mb=memory))
        for memory in (1300, 4000)
    )
    assert 1 <= few < many


def test_a_damaged_block_names_the_file_and_leaves_no_output(scene):
    content = bytearray(scene.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 5000] = bytes(5000)
    scene.write_bytes(content)
    with pytest.raises(DownlinkError, match=r"scene\.tif: this raster is damaged .*run again"):
        tile(scene, "damaged", threads=4, memory_mb=1000)
    assert [path.name for path in scene.parent.iterdir()] == ["scene.tif"]


def test_the_log_of_a_long_tiling_stays_short(scene, capfd):
    tile(scene, "told", threads=2, memory_mb=1000)
    told = capfd.readouterr().err
    assert "100%" in told
    assert len(re.split(r"[\r\n]+", told)) < 6
