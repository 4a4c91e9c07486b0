"""Find and read raster files."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioIOError
from rasterio.io import DatasetReader
from rasterio.windows import Window

from workflow_lib.errors import DownlinkError


def find(folder: Path, name: str) -> Path:
    """Find the file of this name in `folder` or below it.

    Raises:
        DownlinkError: there is no such file.
    """
    found = sorted(folder.rglob(name))
    if not found:
        raise DownlinkError(f"{name}: not in the archive. Check the archive's version and `bands`.")
    return found[0]


@contextmanager
def open_raster(file: Path) -> Iterator[DatasetReader]:
    """Open a raster.

    Raises:
        DownlinkError: the raster cannot be opened or read.
    """
    try:
        with rasterio.open(file) as raster:
            yield raster
    except RasterioIOError as error:
        raise _unreadable(file, error) from error


@contextmanager
def open_single(file: Path) -> Iterator[DatasetReader]:
    """Open a raster that consists of one file.

    Rules watch only this file. GDAL also reads georeference, nodata value and more from files
    beside a raster. Such a file is accepted if it changes nothing, for example statistics.

    Raises:
        DownlinkError: the raster cannot be read, or depends on another file.
    """
    with rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="FALSE"), open_raster(file) as whole:
        expected, others = _described(whole), _others(whole, file)
    with rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"):
        if others and not _alone(file, expected):
            raise DownlinkError(
                f"{file}: GDAL also reads {', '.join(others)}, but Downlink would not notice "
                "changes there. Convert the raster to one GeoTIFF (rio convert or gdal_translate)."
            )
        with open_raster(file) as raster:
            yield raster


def _alone(file: Path, expected: tuple[Any, ...]) -> bool:
    """Whether a raster is as expected when GDAL reads no file beside it."""
    try:
        with rasterio.open(file) as raster:
            return not _others(raster, file) and _described(raster) == expected
    except RasterioIOError:
        return False


def _described(raster: DatasetReader) -> tuple[Any, ...]:
    return raster.profile, raster.scales, raster.offsets


def _others(raster: DatasetReader, file: Path) -> list[str]:
    return [name for name in raster.files if Path(name) != file]


def read_window(raster: DatasetReader, window: Window) -> NDArray[Any]:
    """Read all bands of a window, [band, y, x]. An error names the raster.

    Raises:
        DownlinkError: the window cannot be read.
    """
    try:
        return np.asarray(raster.read(window=window))
    except RasterioIOError as error:
        raise _unreadable(raster.name, error) from error


def _unreadable(file: Path | str, error: Exception) -> DownlinkError:
    return DownlinkError(f"{file}: this is not a readable raster ({error}). Replace or remove it.")


def within(window: Window, raster: DatasetReader) -> None:
    """Check that a window lies inside a raster.

    Raises:
        DownlinkError: the window extends beyond the raster.
    """
    bottom, right = window.row_off + window.height, window.col_off + window.width
    if bottom > raster.height or right > raster.width:
        raise DownlinkError(
            f"{Path(raster.name).name}: source.window ends at row {bottom}, column {right}, but "
            f"the raster at row {raster.height}, column {raster.width}. Make the window smaller."
        )
