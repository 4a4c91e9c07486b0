"""A scene: one acquisition's bands and label on a common grid, and the GeoTIFF it is kept in."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.io import MemoryFile
from rasterio.transform import Affine

from workflow_lib.errors import DownlinkError
from workflow_lib.files import atomic

NODATA = 0
"""Count of a missing pixel."""
MAX_COUNT = 65535
"""Largest count; larger values saturate."""
IGNORE = 255
"""Label of a pixel that counts nowhere."""


@dataclass(frozen=True)
class Scene:
    """Bands and label of one acquisition.

    Attributes:
        image: counts, uint16 [band, y, x]; 0 is nodata.
        label: uint8 [y, x]; 1 the class looked for, 0 not, 255 ignore.
        transform: pixel to map coordinates.
        crs: None where the raster has none.
        notes: what was done to the values that a reader should know, e.g. saturation.
    """

    image: NDArray[np.uint16]
    label: NDArray[np.uint8]
    transform: Affine
    crs: CRS | None
    notes: list[str] = field(default_factory=list)


def check(scene: Scene, name: str) -> None:
    """Refuse a scene from which nothing can be learned.

    Raises:
        DownlinkError: every pixel is nodata, or none is labelled.
    """
    valid = (scene.image != NODATA).all(axis=0)
    if not valid.any():
        raise DownlinkError(
            f"{name}: no pixel has a value in every band. Check the nodata value, or remove the "
            "scene."
        )
    if (scene.label[valid] == IGNORE).all():
        raise DownlinkError(
            f"{name}: no valid pixel is labelled. Check source.positive and source.ignore and the "
            "label raster, or remove the scene."
        )


def write_scene(scene: Scene, bands: tuple[str, ...], path: Path) -> None:
    """Write a scene as GeoTIFF, uint16; the last band is the label.

    Raises:
        DownlinkError: the disk is full.
    """
    count, height, width = scene.image.shape
    # Through memory: GDAL does not say when the disk is full.
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff",
            dtype="uint16",
            count=count + 1,
            height=height,
            width=width,
            crs=scene.crs,
            transform=scene.transform,
            tiled=True,
            blockxsize=256,
            blockysize=256,
            compress="deflate",
            predictor=2,
        ) as raster:
            raster.write(scene.image, list(range(1, count + 1)))
            raster.write(scene.label.astype(np.uint16), count + 1)
            raster.descriptions = (*bands, "label")
            raster.update_tags(notes="\n".join(scene.notes))
        with atomic(path) as draft:
            draft.write_bytes(memory.getbuffer())
