"""From a scene's GeoTIFF to its tile store."""

from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pyproj
import rasterio
import xarray as xr
from rasterio.errors import RasterioIOError

from workflow_lib.config.datasets import Budget, Tiling
from workflow_lib.data.cutting import cut
from workflow_lib.data.folds import Place, place
from workflow_lib.data.info import TileInfo
from workflow_lib.data.scene_strips import Cell, Grid
from workflow_lib.data.scenes import IGNORE, NODATA
from workflow_lib.data.shards import Shards
from workflow_lib.data.splits import Census
from workflow_lib.data.store import write_manifest
from workflow_lib.errors import DownlinkError
from workflow_lib.files import unsynchronised


def write_tiles(
    scene: Path,
    name: str,
    info: TileInfo,
    quantity: str,
    tiling: Tiling,
    target: Path,
    budget: Budget,
) -> Census:
    """Cut a scene's GeoTIFF into a tile store.

    The grid starts at the scene's first pixel; tiles that reach beyond its edge, also those of a
    scene smaller than a tile, are padded with nodata. Tiles with less than `min_valid` valid pixels
    are left out. The store's bytes do not depend on the budget.

    Args:
        scene: what `write_scene` wrote.
        name: the scene's name.
        info: what is true of all tiles of the dataset.
        quantity: what the counts measure.
        tiling: tiles and folds.
        target: the store's folder.
        budget: threads and memory.

    Returns:
        What the tiles' labels hold.

    Raises:
        DownlinkError: the raster is damaged, no tile is valid enough, or the memory is too small.
    """
    try:
        with rasterio.open(scene) as raster:
            crs, transform = raster.crs, raster.transform
            grid = Grid.over(raster, tiling.tile)
        with unsynchronised(target) as draft:
            shards = Shards(draft.parent / "shards", grid.layers, grid.side)
            cells = cut(scene, grid, tiling.min_valid, shards, budget)
            if not cells:
                raise DownlinkError(
                    f"{scene}: no tile has {tiling.min_valid:.0%} valid pixels (tiling.min_valid)."
                )
            places = [place(tiling.folds, name, cell.row, cell.col) for cell in cells]
            data = _images_and_labels(len(cells), grid, shards, info, quantity)
            data = data.assign_coords(_coordinates(cells, places, info))
            data.attrs = {"scene": name, "info": info.canonical()}
            if crs is not None:
                data["crs"] = ((), 0, pyproj.CRS.from_user_input(crs).to_cf())
                data["crs"].attrs["GeoTransform"] = " ".join(map(repr, transform.to_gdal()))
                data["image"].attrs["grid_mapping"] = "crs"
            shards.become(data, draft)
    except RasterioIOError as error:
        raise DownlinkError(f"{scene}: damaged ({error}). Delete it and run again.") from error
    write_manifest(target, budget.threads)
    return Census(
        scene=np.full(len(cells), name),
        block=np.array([p.block for p in places], np.int32),
        fold=np.array([p.fold for p in places], np.int32),
        validation=np.array([p.validation for p in places]),
        labelled=np.array([cell.labelled for cell in cells]),
        positive=np.array([cell.positive for cell in cells]),
    )


def _images_and_labels(
    tiles: int, grid: Grid, shards: Shards, info: TileInfo, quantity: str
) -> xr.Dataset:
    sides, each = (grid.side, grid.side), shards.tiles_each
    image = da.zeros((tiles, grid.layers - 1, *sides), dtype=np.uint16, chunks=(each, -1, -1, -1))
    label = da.zeros((tiles, *sides), dtype=np.uint8, chunks=(each, -1, -1))
    meaning = {"long_name": "class looked for", "_FillValue": IGNORE}
    return xr.Dataset(
        {
            "image": (("tile", "band", "y", "x"), image, _image_attributes(info, quantity)),
            "label": (("tile", "y", "x"), label, meaning),
        }
    )


def _coordinates(cells: list[Cell], places: list[Place], info: TileInfo) -> dict[str, Any]:
    meanings = {"flag_values": [0, 1], "flag_meanings": "train validation"}
    return {
        "row": ("tile", np.array([cell.row for cell in cells], np.int32)),
        "col": ("tile", np.array([cell.col for cell in cells], np.int32)),
        "block": ("tile", np.array([p.block for p in places], np.int32)),
        "fold": ("tile", np.array([p.fold for p in places], np.int32)),
        "validation": ("tile", np.array([p.validation for p in places], np.uint8), meanings),
        "band": ("band", np.array(info.bands, object)),
        "wavelength": (
            "band",
            np.array(info.wavelengths_um),
            {"standard_name": "radiation_wavelength", "units": "um"},
        ),
    }


def _image_attributes(info: TileInfo, quantity: str) -> dict[str, Any]:
    return {
        "long_name": quantity,
        "units": info.unit,
        "scale_factor": info.scale,
        "add_offset": info.offset,
        "_FillValue": NODATA,
    }
