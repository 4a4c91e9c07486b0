"""Landsat 8 brightness temperature; labels are the clouds of the product's quality band."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.transform import Affine

from workflow_lib.config.datasets import Imagery, LandsatCloud
from workflow_lib.data.quantise import to_counts
from workflow_lib.data.raster_files import find, open_raster
from workflow_lib.data.scenes import Scene
from workflow_lib.errors import DownlinkError

MEMBERS = (
    "*/landsat8/small_full_data_cloudy/l8_B10.tif",
    "*/landsat8/small_full_data_cloudy/l8_BQA.tif",
)

# Calibration of band 10 from the scene's metadata. Gain and bias give radiance in
# W m⁻² sr⁻¹ µm⁻¹; K1 and K2 are the instrument's constants in Planck's law (Landsat 8 Data Users
# Handbook, section 5).
_GAIN, _BIAS = 3.342e-4, 0.1
_K1, _K2 = 774.8853, 1321.0789
_FILL = 1
_RESERVED = 0b1100_1000
"""Bits that are never set in pre-collection products, but usually are in Collections 1 and 2."""


def read(source: LandsatCloud, imagery: Imagery, folder: Path) -> Scene:
    """Read every `source.step`-th pixel of the scene.

    Args:
        source: the step, in pixels.
        imagery: quantity of the counts.
        folder: folder of the unpacked archive.

    Raises:
        DownlinkError: a file is missing or damaged, or the quality band is of a later collection.
    """
    notes: list[str] = []
    with open_raster(find(folder, "l8_B10.tif")) as raster:
        numbers = raster.read(1)[:: source.step, :: source.step]
        to_first_centre = Affine.translation(0.5 - source.step / 2, 0.5 - source.step / 2)
        transform, crs = raster.transform @ to_first_centre @ Affine.scale(source.step), raster.crs
        grid = (raster.shape, raster.transform, raster.crs)
    with open_raster(find(folder, "l8_BQA.tif")) as raster:
        if (raster.shape, raster.transform, raster.crs) != grid:
            raise DownlinkError(
                "l8_BQA.tif: not on the grid of l8_B10.tif. Use files of one scene."
            )
        quality = raster.read(1)[:: source.step, :: source.step]
    kelvin = np.where(numbers > 0, brightness_temperature(numbers), np.nan)
    return Scene(
        image=to_counts(kelvin, imagery.quantity, notes)[None],
        label=cloud_label(quality),
        transform=transform,
        crs=crs,
        notes=notes,
    )


def brightness_temperature(numbers: NDArray[np.uint16]) -> NDArray[np.float64]:
    """Convert digital numbers of band 10 to brightness temperature in K."""
    return np.asarray(_K2 / np.log(_K1 / (_GAIN * numbers.astype(np.float64) + _BIAS) + 1))


def cloud_label(quality: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Label clouds by the pre-collection quality bits: uint8, 1 cloud, 0 none.

    A pixel is cloud if the confidence of cloud is at least medium or that of cirrus is high.

    Raises:
        DownlinkError: the band is of Collection 1 or 2, whose bits have other meanings.
    """
    if (quality[(quality & _FILL) == 0] & _RESERVED).any():
        raise DownlinkError(
            "l8_BQA.tif: this quality band is from Landsat Collection 1 or later, whose bits have "
            "other meanings. Use a pre-collection product."
        )
    cloud, cirrus = (quality >> 14) & 3, (quality >> 12) & 3
    return np.asarray((cloud >= 2) | (cirrus == 3), np.uint8)
