"""From a scene's GeoTIFF to its tile store: rasterio reads windows, dask runs them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pyproj
import rasterio
import xarray as xr
from dask.base import compute
from dask.delayed import delayed
from numpy.typing import NDArray
from rasterio.errors import RasterioIOError
from rasterio.windows import Window

from workflow_lib.config.data import Tiling
from workflow_lib.data.folds import place
from workflow_lib.data.info import TileInfo
from workflow_lib.data.scenes import IGNORE, NODATA
from workflow_lib.data.store import tiles_per_shard, write_store
from workflow_lib.errors import DownlinkError


@dataclass(frozen=True)
class _Cell:
    """One tile's place in the scene's grid, and where its pixels lie."""

    row: int
    col: int
    window: Window


def write_tiles(
    scene: Path,
    name: str,
    info: TileInfo,
    quantity: str,
    tiling: Tiling,
    target: Path,
) -> None:
    """Cut a scene's GeoTIFF into a tile store.

    The grid starts at the scene's first pixel; tiles that reach beyond its edge, also those of a
    scene smaller than a tile, are padded with nodata. Tiles with less than `min_valid` valid pixels
    are left out.

    Args:
        scene: what `write_scene` wrote.
        name: the scene's name.
        info: what is true of all tiles of the dataset.
        quantity: what the counts measure.
        tiling: tiles and folds.
        target: the store's folder.

    Raises:
        DownlinkError: the raster is damaged, or no tile is valid enough.
    """
    try:
        with rasterio.open(scene) as raster:
            crs, transform = raster.crs, raster.transform
            cells = _kept(scene, _grid(raster.height, raster.width, tiling.tile), tiling)
    except RasterioIOError as error:
        raise DownlinkError(f"{scene}: damaged ({error}). Delete it and run again.") from error
    if not cells:
        raise DownlinkError(
            f"{scene}: no tile has {tiling.min_valid:.0%} valid pixels (tiling.min_valid)."
        )
    side, bands = tiling.tile, len(info.bands)
    per_shard = tiles_per_shard(bands + 1, side)
    pixels = _lazy(scene, cells, side, bands + 1, per_shard)
    data = xr.Dataset(
        {
            "image": (("tile", "band", "y", "x"), pixels[:, :-1]),
            "label": (("tile", "y", "x"), pixels[:, -1].astype(np.uint8)),
        },
        coords=_coordinates(cells, name, tiling, info),
        attrs={"scene": name, "info": info.canonical()},
    )
    data["image"].attrs = _image_attributes(info, quantity)
    data["label"].attrs = {"long_name": "class looked for", "_FillValue": IGNORE}
    if crs is not None:
        data["crs"] = ((), 0, pyproj.CRS.from_user_input(crs).to_cf())
        data["crs"].attrs["GeoTransform"] = " ".join(map(repr, transform.to_gdal()))
        data["image"].attrs["grid_mapping"] = "crs"
    write_store(data, target, per_shard)


def _grid(height: int, width: int, side: int) -> list[_Cell]:
    return [
        _Cell(row, col, Window(col * side, row * side, side, side))
        for row in range(-(-height // side))
        for col in range(-(-width // side))
    ]


def _read(scene: Path, window: Window) -> NDArray[np.uint16]:
    """Pixels of a window, uint16 [band, y, x]; beyond the scene nodata, and ignore in the label."""
    with rasterio.open(scene) as raster:
        inside = window.intersection(Window(0, 0, raster.width, raster.height))
        pixels = raster.read(window=inside)
    tile = np.full((len(pixels), window.height, window.width), NODATA, np.uint16)
    tile[-1] = IGNORE
    tile[:, : pixels.shape[1], : pixels.shape[2]] = pixels
    return tile


def _kept(scene: Path, cells: list[_Cell], tiling: Tiling) -> list[_Cell]:
    def share(window: Window) -> float:
        return float((_read(scene, window)[:-1] != NODATA).all(axis=0).mean())

    shares = compute(*[delayed(share)(cell.window) for cell in cells])
    return [cell for cell, valid in zip(cells, shares, strict=True) if valid >= tiling.min_valid]


def _lazy(scene: Path, cells: list[_Cell], side: int, bands: int, per_shard: int) -> da.Array:
    def shard(windows: list[Window]) -> NDArray[np.uint16]:
        return np.stack([_read(scene, window) for window in windows])

    parts = [
        [cell.window for cell in cells[i : i + per_shard]] for i in range(0, len(cells), per_shard)
    ]
    joined: da.Array = da.concatenate(
        [
            da.from_delayed(delayed(shard)(part), (len(part), bands, side, side), np.uint16)
            for part in parts
        ]
    )
    return joined


def _coordinates(cells: list[_Cell], scene: str, tiling: Tiling, info: TileInfo) -> dict[str, Any]:
    places = [place(tiling.folds, scene, cell.row, cell.col) for cell in cells]
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
