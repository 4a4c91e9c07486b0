"""Cut a scene's GeoTIFF into its tile store."""

from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import rasterio
from rasterio.crs import CRS
from rasterio.errors import RasterioIOError
from rasterio.transform import Affine

from workflow_lib.config.datasets import Budget, Tiling
from workflow_lib.data.cutting import cut
from workflow_lib.data.folds import Place, place
from workflow_lib.data.info import TileInfo
from workflow_lib.data.pixel_values import IGNORE, NODATA
from workflow_lib.data.scene_strips import Cell, StripGrid
from workflow_lib.data.shards import Shards
from workflow_lib.data.splits import Census
from workflow_lib.data.store import Variable, write_manifest
from workflow_lib.errors import DownlinkError
from workflow_lib.files import unsynchronised

_NAN = "AAAAAAAA+H8="
"""NaN in base64, as xarray writes the attribute `_FillValue` of floats."""


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

    The grid starts at the scene's first pixel. Tiles that extend beyond the scene's edge are padded
    with nodata. Tiles whose share of valid pixels is below `min_valid` are left out. The store's
    bytes do not depend on the budget.

    Args:
        scene: the GeoTIFF that `write_scene` wrote.
        name: the scene's name.
        info: metadata that all tiles of the dataset share.
        quantity: name of the quantity that the counts measure.
        tiling: settings of tiles and folds.
        target: the store's folder.
        budget: threads and memory.

    Returns:
        Label counts of the tiles.

    Raises:
        DownlinkError: the raster is damaged, no tile has enough valid pixels, or the memory is too
            small.
    """
    try:
        with rasterio.open(scene) as raster:
            crs, transform = raster.crs, raster.transform
            grid = StripGrid.over(raster, tiling.tile)
        with unsynchronised(target) as draft:
            shards = Shards(draft.parent / "shards", grid.layers, grid.side)
            cells = cut(scene, grid, tiling.min_valid, shards, budget)
            if not cells:
                raise DownlinkError(
                    f"{scene}: no tile has {tiling.min_valid:.0%} valid pixels. Lower "
                    "tiling.min_valid."
                )
            places = [place(tiling.folds, name, cell.row, cell.col) for cell in cells]
            variables = {
                **_pixels(len(cells), grid, info, quantity, georeferenced=crs is not None),
                **_coordinates(cells, places, info),
                **({} if crs is None else {"crs": _grid_mapping(crs, transform)}),
            }
            attributes = {"scene": name, "info": info.canonical()}
            shards.become(variables, attributes, draft)
    except RasterioIOError as error:
        raise DownlinkError(
            f"{scene}: this raster is damaged ({error}). Delete it and run again."
        ) from error
    write_manifest(target, budget.threads)
    return Census(
        scene=np.full(len(cells), name),
        block=np.array([p.block for p in places], np.int32),
        fold=np.array([p.fold for p in places], np.int32),
        validation=np.array([p.validation for p in places]),
        labelled=np.array([cell.labelled for cell in cells]),
        positive=np.array([cell.positive for cell in cells]),
    )


def _pixels(
    tiles: int, grid: StripGrid, info: TileInfo, quantity: str, georeferenced: bool
) -> dict[str, Variable]:
    """Describe images and labels; the shards already contain their values."""
    sides = (grid.side, grid.side)
    image = np.broadcast_to(np.uint16(NODATA), (tiles, grid.layers - 1, *sides))
    label = np.broadcast_to(np.uint8(IGNORE), (tiles, *sides))
    places = "block col fold row validation"
    counts = {
        "long_name": quantity,
        "units": info.unit,
        "scale_factor": info.scale,
        "add_offset": info.offset,
        **({"grid_mapping": "crs"} if georeferenced else {}),
        "coordinates": f"{places} wavelength",
        "_FillValue": NODATA,
    }
    classes = {"long_name": "class looked for", "coordinates": places, "_FillValue": IGNORE}
    return {
        "image": Variable(("tile", "band", "y", "x"), image, counts),
        "label": Variable(("tile", "y", "x"), label, classes),
    }


def _coordinates(cells: list[Cell], places: list[Place], info: TileInfo) -> dict[str, Variable]:
    def per_tile(values: list[int], dtype: type = np.int32, **attributes: Any) -> Variable:
        return Variable(("tile",), np.array(values, dtype), attributes)

    return {
        "row": per_tile([cell.row for cell in cells]),
        "col": per_tile([cell.col for cell in cells]),
        "block": per_tile([p.block for p in places]),
        "fold": per_tile([p.fold for p in places]),
        "validation": per_tile(
            [p.validation for p in places],
            np.uint8,
            flag_values=[0, 1],
            flag_meanings="train validation",
        ),
        "band": Variable(("band",), np.array(info.bands, object)),
        "wavelength": Variable(
            ("band",),
            np.array(info.wavelengths_um),
            {"standard_name": "radiation_wavelength", "units": "um", "_FillValue": _NAN},
        ),
    }


def _grid_mapping(crs: CRS, transform: Affine) -> Variable:
    """Describe the scene's map projection by CF attributes and GDAL's transform."""
    cf = pyproj.CRS.from_user_input(crs).to_cf()
    affine = " ".join(map(repr, transform.to_gdal()))
    return Variable((), np.array(0), {**cf, "GeoTransform": affine})
