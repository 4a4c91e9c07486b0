"""The tile store of one scene (Zarr v3): one chunk per tile, many tiles per shard."""

import json
import warnings
from dataclasses import dataclass, replace
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
from workflow_lib.data.scenes import IGNORE, NODATA
from workflow_lib.data.splits import SPLITS, place
from workflow_lib.data.tiles import TileInfo, Tiles
from workflow_lib.errors import DownlinkError
from workflow_lib.files import atomic, tree_sha256

_SHARD_BYTES = 16 * 2**20


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
    per_shard = max(1, _SHARD_BYTES // (2 * side * side * (bands + 1)))
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
    _write(data, target, per_shard)


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
    meanings = {"flag_values": list(range(len(SPLITS))), "flag_meanings": " ".join(SPLITS)}
    return {
        "row": ("tile", np.array([cell.row for cell in cells], np.int32)),
        "col": ("tile", np.array([cell.col for cell in cells], np.int32)),
        "block": ("tile", np.array([p.block for p in places], np.int32)),
        "fold": ("tile", np.array([p.fold for p in places], np.int32)),
        "split": ("tile", np.array([SPLITS.index(p.split) for p in places], np.uint8), meanings),
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


def _write(data: xr.Dataset, target: Path, per_shard: int) -> None:
    """Write a store and its manifest; the shards are the dask chunks, so each has one writer."""
    encoding = {
        name: {
            "chunks": (1, *data[name].shape[1:]),
            "shards": (per_shard, *data[name].shape[1:]),
        }
        for name in data.data_vars
        if name != "crs"
    }
    with atomic(target) as draft, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The data type")
        data.to_zarr(draft, zarr_format=3, consolidated=False, encoding=encoding)
    with atomic(target.with_name(f"{target.stem}.manifest.json")) as manifest:
        manifest.write_text(json.dumps({"sha256": tree_sha256(target)}) + "\n")


def read_tiles(stores: list[Path]) -> Tiles:
    """The tiles of some scenes of one dataset, in the stores' order.

    Raises:
        DownlinkError: a store is damaged or missing.
    """
    return concatenate([_read_store(store) for store in stores])


def concatenate(parts: list[Tiles]) -> Tiles:
    """Tiles of several scenes as one set."""
    names = [name for name in vars(parts[0]) if name != "info"]
    arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    return Tiles(**arrays, info=parts[0].info)


def _read_store(store: Path) -> Tiles:
    with _opened(store) as data:
        return Tiles(
            image=data["image"].values,
            label=data["label"].values,
            scene=np.full(data.sizes["tile"], data.attrs["scene"]),
            row=data["row"].values,
            col=data["col"].values,
            block=data["block"].values,
            fold=data["fold"].values,
            split=np.array(SPLITS)[data["split"].values],
            info=TileInfo.parse(data.attrs["info"]),
        )


def write_reconstruction(tiles: Tiles, image: NDArray[np.uint16], target: Path) -> None:
    """Store the decoded tiles of one scene.

    Args:
        tiles: the scene's originals.
        image: decoded counts, uint16 [tile, band, y, x], in the order of `tiles`.
        target: the store's folder.
    """
    per_shard = max(1, _SHARD_BYTES // (2 * image[0].size))
    chunked = da.from_array(image, chunks=(per_shard, *image.shape[1:]))
    data = xr.Dataset(
        {"image": (("tile", "band", "y", "x"), chunked)},
        coords={"row": ("tile", tiles.row), "col": ("tile", tiles.col)},
        attrs={"scene": str(tiles.scene[0])},
    )
    _write(data, target, per_shard)


def read_reconstructions(tiles: Tiles, stores: list[Path]) -> Tiles:
    """`tiles` with the decoded counts in place of the original ones; nodata stays nodata.

    Args:
        tiles: originals of the scenes, as `read_tiles` gives them.
        stores: the scenes' reconstructions, in the same order.

    Raises:
        DownlinkError: a store is damaged, missing, or of other tiles.
    """
    images = []
    for store in stores:
        with _opened(store) as data:
            own = tiles.scene == data.attrs["scene"]
            if not (
                np.array_equal(data["row"].values, tiles.row[own])
                and np.array_equal(data["col"].values, tiles.col[own])
            ):
                raise DownlinkError(f"{store}: holds other tiles. Delete it and run again.")
            images.append(data["image"].values)
    image = np.concatenate(images)
    return replace(tiles, image=np.where(tiles.valid[:, None], image, np.uint16(NODATA)))


def _opened(store: Path) -> xr.Dataset:
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Object at .snakemake_timestamp")
            data: xr.Dataset = xr.open_zarr(
                store, consolidated=False, mask_and_scale=False, chunks=None
            )
    except (OSError, KeyError, ValueError) as error:
        raise DownlinkError(
            f"{store}: this is no readable tile store ({error}). Delete it and run again."
        ) from error
    return data
