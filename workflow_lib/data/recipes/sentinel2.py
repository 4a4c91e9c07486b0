"""Read Sentinel-2 bands of 10 and 20 m onto one 10 m grid."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.transform import Affine
from rasterio.warp import Resampling, reproject
from rasterio.windows import Window

from workflow_lib.data.raster_files import open_raster, within

_GRID_BAND = "B02"
"""A band on the 10 m grid."""


@dataclass(frozen=True)
class Bands:
    """Bands on a common grid.

    Attributes:
        image: counts, uint16 [band, y, x]; 0 is nodata.
        native_px: side of each band's native pixel, in pixels of the grid.
        transform, crs: pixel to map coordinates of the grid, and their CRS.
    """

    image: NDArray[np.uint16]
    native_px: tuple[float, ...]
    transform: Affine
    crs: CRS


def read_bands(
    names: tuple[str, ...], file_of: Callable[[str], Path], window: Window | None
) -> Bands:
    """Read bands onto the 10 m grid; coarser bands are warped onto it bilinearly.

    Args:
        names: band names, e.g. B02.
        file_of: returns the file of a band.
        window: part of the 10 m grid; None reads all of it.

    Raises:
        DownlinkError: a file is missing or damaged.
    """
    with open_raster(file_of(_GRID_BAND)) as grid:
        window = window or Window(0, 0, grid.width, grid.height)
        within(window, grid)
        transform, crs = grid.window_transform(window), grid.crs
        pixel = grid.transform.a
    image = np.empty((len(names), int(window.height), int(window.width)), np.uint16)
    native = []
    for band, name in zip(image, names, strict=True):
        with open_raster(file_of(name)) as raster:
            native.append(raster.transform.a / pixel)
            if native[-1] == 1:
                band[:] = raster.read(1, window=window)
            else:
                reproject(
                    raster.read(1),
                    band,
                    src_transform=raster.transform,
                    src_crs=raster.crs,
                    dst_transform=transform,
                    dst_crs=crs,
                    resampling=Resampling.bilinear,
                )
    return Bands(image, tuple(native), transform, crs)
