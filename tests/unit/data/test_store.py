"""The tile store contains the raster's pixels, and reading returns what was written."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from rasterio.crs import CRS
from rasterio.transform import from_origin
from rasterio.windows import Window

from workflow_lib.config.datasets import Budget, Folds, Tiling
from workflow_lib.data import store, tiling
from workflow_lib.data.folds import place, require_fair_folds
from workflow_lib.data.info import TileInfo
from workflow_lib.data.scenes import Scene, write_scene
from workflow_lib.data.splits import balance, census, imbalance, reassigned
from workflow_lib.errors import DownlinkError
from workflow_lib.files import tree_sha256
from workflow_lib.paths import manifest

UTM = CRS.from_epsg(32633)
TILING = Tiling(tile=32, min_valid=0.25, folds=Folds(block_tiles=2, salt="a"))
BUDGET = Budget(threads=2, memory_mb=1000)
INFO = TileInfo(
    dataset="made",
    bands=("red", "green", "blue"),
    wavelengths_um=(0.66, 0.56, 0.49),
    native_fraction=(1, 1, 0.25),
    scale=1e-4,
    offset=0,
    unit="1",
    data_range=10000,
)


def write(folder, height=150, width=200, crs=UTM, hole=40, name="scene"):
    rng = np.random.default_rng(5)
    image = rng.integers(1, 65536, (3, height, width)).astype(np.uint16)
    image[:, :hole, :hole] = 0
    label = (rng.random((height, width)) < 0.1).astype(np.uint8)
    label[-3:] = 255
    raster = folder / f"{name}.tif"
    write_scene(
        Scene(image, label, from_origin(5e5, 4e6, 10, 10), crs, ["saturated: 3"]),
        INFO.bands,
        name,
        raster,
    )
    target = folder / f"{name}.zarr"
    tiling.write_tiles(raster, name, INFO, "reflectance", TILING, target, BUDGET)
    return raster, target


def test_tiles_equal_the_raster_in_the_same_windows(tmp_path):
    raster, target = write(tmp_path)
    tiles = store.read_tiles([target])
    assert len(tiles) == 5 * 7 - 2  # the corner tile is nodata, and one is 8 pixels wide
    with rasterio.open(raster) as source:
        for i in range(len(tiles)):
            window = Window(tiles.col[i] * 32, tiles.row[i] * 32, 32, 32)
            padded = source.read(window=window, boundless=True, fill_value=0)
            rows, cols = (min(32, 150 - tiles.row[i] * 32), min(32, 200 - tiles.col[i] * 32))
            np.testing.assert_array_equal(tiles.image[i], padded[:3])
            np.testing.assert_array_equal(tiles.label[i, :rows, :cols], padded[3, :rows, :cols])
            assert (tiles.label[i, rows:] == 255).all()
            assert (tiles.label[i, :, cols:] == 255).all()


def test_the_store_is_self_describing(tmp_path):
    _, target = write(tmp_path)
    with xr.open_zarr(target, consolidated=False, decode_coords="all") as data:
        assert data["image"].dims == ("tile", "band", "y", "x")
        assert data["band"].values.tolist() == ["red", "green", "blue"]
        assert float(data["image"].max()) < 6.56  # CF scale_factor is applied
        assert np.isnan(data["image"].values).any()  # CF _FillValue too
        assert data["crs"].attrs["crs_wkt"].startswith("PROJCRS")
        assert data["validation"].attrs["flag_meanings"].split() == ["train", "validation"]
        encoding = data["image"].encoding
        assert encoding["chunks"] == (1, 3, 32, 32)
        assert encoding["shards"][0] > 1


def test_the_manifest_is_the_stores_digest_and_runs_are_equal(tmp_path):
    digests = []
    for run in ("first", "second"):
        folder = tmp_path / run
        folder.mkdir()
        _, target = write(folder)
        manifest = json.loads((folder / "scene.manifest.json").read_text())
        assert manifest["sha256"] == tree_sha256(target)
        digests.append(manifest["sha256"])
    assert digests[0] == digests[1]


def test_stores_equal_those_that_xarray_writes(tmp_path):
    _, target = write(tmp_path)
    tiles = store.read_tiles([target])
    after = tmp_path / "after.zarr"
    store.write_reconstruction(tiles, tiles.image, after)
    for ours in (target, after):
        again = tmp_path / "again" / ours.name
        with xr.open_zarr(ours, consolidated=False, mask_and_scale=False, chunks=None) as data:
            kept = ("chunks", "shards", "compressors", "dtype")
            for name in data.variables:
                how = data[name].encoding
                data[name].encoding = {key: how[key] for key in kept if key in how}
            data.load().to_zarr(again, zarr_format=3, consolidated=False)
        assert tree_sha256(again) == tree_sha256(ours)


def test_a_scene_smaller_than_a_tile_is_padded(tmp_path):
    _, target = write(tmp_path, height=20, width=30, hole=0)
    tiles = store.read_tiles([target])
    assert tiles.image.shape == (1, 3, 32, 32)
    assert tiles.valid.sum() == 20 * 30


def test_a_scene_without_tiles_of_enough_valid_pixels_is_refused(tmp_path):
    with pytest.raises(DownlinkError, match=r"scene\.tif: no tile has 25% valid pixels"):
        write(tmp_path, height=8, width=30, hole=0)
    assert not (tmp_path / "scene.zarr").exists()


def test_a_scene_without_crs_has_no_grid_mapping(tmp_path):
    _, target = write(tmp_path, crs=None)
    with xr.open_zarr(target, consolidated=False) as data:
        assert "crs" not in data
        assert "grid_mapping" not in data["image"].attrs


def test_the_error_for_a_truncated_scene_names_file_and_remedy(tmp_path):
    raster, _ = write(tmp_path)
    raster.write_bytes(raster.read_bytes()[:5000])
    with pytest.raises(DownlinkError, match=r"scene\.tif.*run again"):
        tiling.write_tiles(
            raster, "scene", INFO, "reflectance", TILING, tmp_path / "new.zarr", BUDGET
        )
    assert not (tmp_path / "new.zarr").exists()


def cut_short(file):
    file.write_bytes(file.read_bytes()[:-1])


def changed(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize("damage", [cut_short, changed, Path.unlink])
@pytest.mark.parametrize("name", ["zarr.json", "image/c/0/0/0/0", "row/c/0"])
def test_the_error_names_a_changed_store(tmp_path, damage, name):
    """Zarr alone reads a missing shard as zeros, and does not detect a changed count."""
    _, target = write(tmp_path)
    damage(target / name)
    with pytest.raises(DownlinkError, match=r"scene\.zarr.*manifest.*make repair"):
        store.read_tiles([target])


def test_a_store_without_manifest_is_incomplete(tmp_path):
    _, target = write(tmp_path)
    Path(manifest(str(target))).unlink()
    with pytest.raises(DownlinkError, match=r"scene\.zarr.*manifest.*make repair"):
        store.read_tiles([target])


def test_reconstructions_keep_order_scene_and_nodata(tmp_path):
    stores = [write(tmp_path, name=name)[1] for name in ("one", "two")]
    tiles = store.read_tiles(stores)
    assert tiles.scene.tolist() == ["one"] * 33 + ["two"] * 33
    halves = []
    for i, name in enumerate(("one", "two")):
        part = store.read_tiles([stores[i]])
        image = np.full_like(part.image, 100 + i)
        halves.append(tmp_path / f"{name}-after.zarr")
        store.write_reconstruction(part, image, halves[-1])
    after = store.read_reconstructions(tiles, halves)
    assert set(np.unique(after.image)) == {0, 100, 101}
    np.testing.assert_array_equal(after.valid, tiles.valid)
    assert (after.image[:33].max(), after.image[33:].max()) == (100, 101)


def test_blocks_keep_their_fold_when_data_are_added():
    folds = Folds(block_tiles=3, salt="s")
    small = {(r, c): place(folds, "scene", r, c) for r in range(6) for c in range(6)}
    large = {(r, c): place(folds, "scene", r, c) for r in range(30) for c in range(30)}
    assert all(large[key] == small[key] for key in small)
    assert sum(p.fold == 1 for p in large.values()) / 900 == pytest.approx(0.5, abs=0.15)
    of_fold = [p.validation for p in large.values() if p.fold == 0]
    assert np.mean(of_fold) == pytest.approx(0.25, abs=0.1)


def test_tiles_of_one_block_share_its_fold():
    folds = Folds(block_tiles=2, salt="s", count=5, held_out=(3,))
    by_block = {}
    for row in range(10):
        for col in range(10):
            p = place(folds, "scene", row, col)
            by_block.setdefault((row // 2, col // 2), set()).add(p)
    assert all(len(places) == 1 for places in by_block.values())


@given(st.integers(2, 5), st.sampled_from(["block", "scene"]), st.text(max_size=3))
def test_every_block_is_scored_once_when_each_fold_is_held_out(toy_tiles, count, by, salt):
    tiles = toy_tiles(np.ones((24, 1, 16, 16)))
    scenes = np.array(["a", "b", "c"])[np.arange(24) % 3]
    held_out = tuple(range(count))
    folds = Folds(block_tiles=2, salt=salt, count=count, held_out=held_out, by=by)
    assigned = reassigned(replace(tiles, scene=scenes), folds)
    tested = sum((assigned.holding_out(fold).split == "test").astype(int) for fold in held_out)
    assert (tested == 1).all()
    if by == "scene":
        for fold in held_out:
            held = assigned.holding_out(fold)
            known, scored = held.where("train", "validation"), held.where("test")
            assert not set(known.scene) & set(scored.scene)


def test_a_learned_codec_is_not_scored_on_a_training_scene():
    blocks = Folds(block_tiles=2, salt="0")
    require_fair_folds("d", blocks, ["one"], learned=True)
    require_fair_folds("d", blocks, ["one", "two"], learned=False)
    with pytest.raises(DownlinkError, match=r"datasets\.d\.tiling\.folds\.by: .*by: scene"):
        require_fair_folds("d", blocks, ["one", "two"], learned=True)


def test_an_empty_fold_is_refused_with_the_name_of_a_better_salt():
    scenes = ["one", "two", "three"]
    salts = [Folds(block_tiles=2, salt=str(n), by="scene") for n in range(20)]
    empty = next(f for f in salts if len({place(f, s, 0, 0).fold for s in scenes}) == 1)
    with pytest.raises(DownlinkError, match=r"folds\.salt: .*Salt") as caught:
        require_fair_folds("d", empty, scenes, learned=True)
    better = str(caught.value).split('"')[-2]
    require_fair_folds("d", empty.model_copy(update={"salt": better}), scenes, learned=True)
    with pytest.raises(DownlinkError, match="Give more scenes, or fewer folds"):
        require_fair_folds("d", empty.model_copy(update={"count": 4}), scenes, learned=True)
    with pytest.raises(DownlinkError, match=r"Assign the blocks of the only one \(by: block\)"):
        require_fair_folds("d", empty, ["one"], learned=True)


def test_balance_counts_labelled_pixels_and_imbalance_ranks_salts(tmp_path):
    _, target = write(tmp_path)
    tiles = store.read_tiles([target])
    table = balance(census(tiles), 1)
    labelled = ((tiles.label != 255) & tiles.valid).sum()
    assert sum(int(line.split()[3]) for line in table.splitlines()[1:]) == labelled
    salts = [Folds(block_tiles=2, salt=str(i)) for i in range(30)]
    scores = [imbalance(reassigned(tiles, folds), folds) for folds in salts]
    assert min(scores) < sorted(scores)[15]
    one_fold = Folds(block_tiles=9, salt="0")
    assert imbalance(reassigned(tiles, one_fold), one_fold) == float("inf")
