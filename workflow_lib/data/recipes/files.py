"""Finding and reading the files of an unpacked archive."""

from pathlib import Path

import rasterio
from rasterio.errors import RasterioIOError
from rasterio.io import DatasetReader

from workflow_lib.errors import DownlinkError


def find(folder: Path, name: str) -> Path:
    """The one file of this name below `folder`.

    Raises:
        DownlinkError: there is none.
    """
    found = sorted(folder.rglob(name))
    if not found:
        raise DownlinkError(f"{name}: not in the archive. Check the archive's version, and bands.")
    return found[0]


def open_raster(file: Path) -> DatasetReader:
    """An open raster.

    Raises:
        DownlinkError: it is damaged.
    """
    try:
        return rasterio.open(file)
    except RasterioIOError as error:
        raise DownlinkError(f"{file.name}: no readable raster ({error}).") from error
