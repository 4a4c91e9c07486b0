"""Anybody's own rasters and label rasters as scenes."""

from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioIOError
from rasterio.io import DatasetReader

from workflow_lib.config.data import Imagery, Rasters
from workflow_lib.data.quantise import to_counts
from workflow_lib.data.scenes import IGNORE, Scene
from workflow_lib.errors import DownlinkError


def read(source: Rasters, imagery: Imagery, image: Path) -> Scene:
    """The scene in an image raster and its label raster.

    Raises:
        DownlinkError: a missing or damaged raster, another number of bands than configured, or a
            label on another grid.
    """
    label = Path(source.labels.format(scene=image.stem))
    if not label.is_file():
        raise DownlinkError(f"{label}: the label of {image} is missing (source.labels).")
    notes: list[str] = []
    with _opened(image) as raster, _opened(label) as labels:
        if raster.count != len(imagery.bands):
            raise DownlinkError(
                f"{image}: {raster.count} bands, but {len(imagery.bands)} are configured (bands)."
            )
        _same_grid(raster, labels)
        values = _pixels(raster).astype(np.float64)
        nodata = source.nodata if source.nodata is not None else raster.nodata
        if nodata is not None:
            values[values == nodata] = np.nan
        return Scene(
            image=to_counts(values, imagery.quantity, notes),
            label=_binary(_pixels(labels)[0], source),
            transform=raster.transform,
            crs=raster.crs,
            notes=notes,
        )


def _opened(file: Path) -> DatasetReader:
    try:
        return rasterio.open(file)
    except RasterioIOError as error:
        raise DownlinkError(
            f"{file}: this is no readable raster ({error}). Replace or remove it."
        ) from error


def _pixels(raster: DatasetReader) -> NDArray[np.generic]:
    try:
        return np.asarray(raster.read())
    except RasterioIOError as error:
        raise DownlinkError(
            f"{raster.name}: the raster is truncated or damaged ({error}). Replace or remove it."
        ) from error


def _same_grid(image: DatasetReader, label: DatasetReader) -> None:
    for what, a, b in [
        ("size", image.shape, label.shape),
        ("CRS", image.crs, label.crs),
        ("grid", tuple(image.transform), tuple(label.transform)),
    ]:
        if a != b:
            raise DownlinkError(
                f"{label.name}: its {what} {b} is not that of {image.name}, {a}. Warp the label "
                "onto the image's grid."
            )


def _binary(values: NDArray[np.generic], source: Rasters) -> NDArray[np.uint8]:
    label = np.isin(values, source.positive).astype(np.uint8)
    label[np.isin(values, source.ignore)] = IGNORE
    return label
