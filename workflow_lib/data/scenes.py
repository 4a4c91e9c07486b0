"""A scene: bands and label of one acquisition on a common grid, stored as GeoTIFF."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from errno import ENOSPC
from pathlib import Path
from zlib import crc32

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.errors import RasterioError
from rasterio.io import DatasetWriter
from rasterio.transform import Affine
from rasterio.windows import Window

from workflow_lib.data.pixel_values import IGNORE, NODATA
from workflow_lib.errors import DownlinkError
from workflow_lib.files import atomic

_BLOCK = 256
_WIDE = 8 * _BLOCK
_CACHE = 256 * 2**20


@dataclass(frozen=True)
class Scene:
    """Bands and label of one acquisition.

    Attributes:
        image: counts, uint16 [band, y, x]; 0 is nodata.
        label: uint8 [y, x]; 1 positive class, 0 other, 255 ignore.
        transform: pixel to map coordinates.
        crs: coordinate reference system; None if the raster has none.
        notes: changes of the values that a reader should know, e.g. saturation.
    """

    image: NDArray[np.uint16]
    label: NDArray[np.uint8]
    transform: Affine
    crs: CRS | None
    notes: list[str] = field(default_factory=list)


def write_scene(scene: Scene, bands: tuple[str, ...], name: str, path: Path) -> None:
    """Write a scene as GeoTIFF, uint16; the last band is the label.

    Args:
        scene: bands and label.
        bands: names of the bands.
        name: the scene's name in messages.
        path: path of the GeoTIFF.

    Raises:
        DownlinkError: the disk is full, or the scene has no valid or no labelled pixel.
    """
    _, height, width = scene.image.shape
    with new_scene(path, bands, (height, width), scene.transform, scene.crs) as file:
        for window in windows(height, width):
            part = window.toslices()
            file.write(scene.image[:, *part], scene.label[part], window)
        file.notes.extend(scene.notes)
        file.require_learnable(name)


def windows(height: int, width: int) -> Iterator[Window]:
    """Yield windows that cover a scene, top to bottom and left to right; none splits a block."""
    for row in range(0, height, _BLOCK):
        for col in range(0, width, _WIDE):
            yield Window(col, row, min(_WIDE, width - col), min(_BLOCK, height - row))


class SceneFile:
    """A scene's GeoTIFF while it is written.

    Attributes:
        notes: as in `Scene`.
    """

    def __init__(self, raster: DatasetWriter) -> None:
        self.notes: list[str] = []
        self._raster = raster
        self._valid = False
        self._labelled = False
        self._written: list[tuple[Window, int]] = []

    def write(self, image: NDArray[np.uint16], label: NDArray[np.uint8], window: Window) -> None:
        """Write a window: counts, uint16 [band, y, x], and label, uint8 [y, x]."""
        valid = image.min(axis=0) != NODATA
        self._valid |= bool(valid.any())
        self._labelled |= bool((label[valid] != IGNORE).any())
        pixels = np.concatenate([image, label[None].astype(np.uint16)])
        self._put(pixels, window)
        self._written.append((window, crc32(pixels.data)))

    def _put(self, pixels: NDArray[np.uint16], window: Window) -> None:
        with _noticing_a_full_disk():
            self._raster.write(pixels, window=window)

    def require_learnable(self, name: str) -> None:
        """Refuse a scene without a valid or without a labelled pixel.

        Raises:
            DownlinkError: no pixel is valid, or no valid pixel is labelled.
        """
        if not self._valid:
            raise DownlinkError(
                f"{name}: no pixel has a value in every band. Check the nodata value, or remove "
                "the scene."
            )
        if not self._labelled:
            raise DownlinkError(
                f"{name}: no valid pixel is labelled. Check source.positive and source.ignore and "
                "the label raster, or remove the scene."
            )

    def require_whole(self, path: Path) -> None:
        """Read the closed file again, because GDAL does not always report a full disk.

        Raises:
            OSError: the file differs from what was written.
        """
        with rasterio.open(path) as raster:
            for window, crc in self._written:
                if crc32(raster.read(window=window).data) != crc:
                    raise OSError(ENOSPC, "GDAL wrote less than it was given")


@contextmanager
def new_scene(
    path: Path, bands: tuple[str, ...], shape: tuple[int, int], transform: Affine, crs: CRS | None
) -> Iterator[SceneFile]:
    """Open a new GeoTIFF of a scene for writing window by window, in bounded memory.

    Args:
        path: path of the GeoTIFF; it appears only if the `with` block succeeds.
        bands: names of the bands, without the label.
        shape: height and width, in pixels.
        transform: pixel to map coordinates.
        crs: coordinate reference system, or None.

    Raises:
        DownlinkError: the disk is full.
    """
    with atomic(path) as draft, rasterio.Env(GDAL_CACHEMAX=_CACHE):
        with _noticing_a_full_disk():
            raster = rasterio.open(
                draft,
                "w",
                driver="GTiff",
                dtype="uint16",
                count=len(bands) + 1,
                height=shape[0],
                width=shape[1],
                crs=crs,
                transform=transform,
                tiled=True,
                blockxsize=_BLOCK,
                blockysize=_BLOCK,
                compress="deflate",
                predictor=2,
                bigtiff="if_safer",
            )
        try:
            raster.descriptions = (*bands, "label")
            file = SceneFile(raster)
            yield file
            with _noticing_a_full_disk():
                raster.update_tags(notes="\n".join(file.notes))
                raster.close()
                file.require_whole(draft)
        finally:
            raster.close()


@contextmanager
def _noticing_a_full_disk() -> Iterator[None]:
    try:
        yield
    except RasterioError as error:
        # A full disk is the only cause seen in practice; GDAL's message is added in case it is not.
        raise OSError(ENOSPC, f"or GDAL cannot write: {error}") from error
