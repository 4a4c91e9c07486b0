"""Anybody's own rasters and label rasters as scenes."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.io import DatasetReader

from workflow_lib.config.data import Imagery, Rasters
from workflow_lib.data.files import open_raster
from workflow_lib.data.quantise import to_counts
from workflow_lib.data.scenes import IGNORE, Scene
from workflow_lib.errors import DownlinkError


def read(source: Rasters, imagery: Imagery, image: Path) -> Scene:
    """The scene in an image raster and its label raster.

    Raises:
        DownlinkError: a missing or damaged raster, another number of bands than configured, or a
            label on another grid.
    """
    label = Path(source.labels.replace("{scene}", image.stem))
    if not label.is_file():
        raise DownlinkError(f"{label}: the label of {image} is missing (source.labels).")
    with open_raster(image) as raster:
        if raster.count != len(imagery.bands):
            raise DownlinkError(
                f"{image}: {raster.count} bands, but {len(imagery.bands)} are configured (bands)."
            )
        grid = _grid(raster)
        values = raster.read().astype(np.float64)
        nodata = source.nodata if source.nodata is not None else raster.nodata
    if nodata is not None:
        values[values == nodata] = np.nan
    with open_raster(label) as raster:
        for what, of_label in _grid(raster).items():
            if of_label != grid[what]:
                raise DownlinkError(
                    f"{label}: its {what} {of_label} is not that of {image}, {grid[what]}. Warp "
                    "the label onto the image's grid."
                )
        mask = raster.read(1)
        unlabelled = raster.nodata
        transform, crs = raster.transform, raster.crs
    quantity = imagery.quantity
    if source.values == "counts":
        quantity = quantity.model_copy(update={"scale": 1.0, "offset": 0.0})
    notes: list[str] = []
    return Scene(
        image=to_counts(values, quantity, notes),
        label=_binary(mask, source, unlabelled),
        transform=transform,
        crs=crs,
        notes=notes,
    )


def _grid(raster: DatasetReader) -> dict[str, Any]:
    return {"size": raster.shape, "CRS": raster.crs, "grid": tuple(raster.transform)}


def _binary(
    values: NDArray[np.generic], source: Rasters, nodata: float | None
) -> NDArray[np.uint8]:
    positive = np.isin(values, source.positive)
    label = positive.astype(np.uint8)
    label[np.isin(values, source.ignore)] = IGNORE
    if nodata is not None:
        label[(values == nodata) & ~positive] = IGNORE
    return label
