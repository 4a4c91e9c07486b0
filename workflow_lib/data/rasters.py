"""Convert user rasters and label rasters to scenes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.io import DatasetReader
from rasterio.windows import Window

from workflow_lib.config.datasets import Imagery, Quantity, Rasters
from workflow_lib.data.pixel_values import IGNORE
from workflow_lib.data.quantise import Quantiser
from workflow_lib.data.raster_files import open_single, read_window
from workflow_lib.data.scenes import new_scene, windows
from workflow_lib.errors import DownlinkError


def convert(source: Rasters, imagery: Imagery, image: Path, name: str, target: Path) -> list[str]:
    """Convert an image raster and its label raster to the GeoTIFF of a scene, window by window.

    Args:
        source: path of the labels, and meaning of the values.
        imagery: bands and quantity.
        image: the image raster.
        name: the scene's name in messages.
        target: path of the GeoTIFF.

    Returns:
        The notes of `Scene`.

    Raises:
        DownlinkError: a raster is missing or damaged, has another number of bands than configured,
            or has no valid or no labelled pixel. Or the label is on another grid.
    """
    label = Path(source.labels.replace("{scene}", image.stem))
    if not label.is_file():
        raise DownlinkError(f"{label}: the label of {image} is missing. Add it (source.labels).")
    with open_single(image) as values, open_single(label) as mask:
        if values.count != len(imagery.bands):
            raise DownlinkError(
                f"{image}: has {values.count} bands, but `bands` lists {len(imagery.bands)}."
            )
        grid = _grid(values)
        for what, of_label in _grid(mask).items():
            if of_label != grid[what]:
                raise DownlinkError(
                    f"{label}: its {what} {of_label} differs from that of {image}, {grid[what]}. "
                    "Warp the label onto the image's grid."
                )
        quantiser = Quantiser(_quantity(source, imagery), str(image))
        found: set[int] = set()
        with new_scene(target, imagery.bands, values.shape, mask.transform, mask.crs) as file:
            for window in windows(*values.shape):
                counts = quantiser.counts(_physical(values, source, window))
                classes = read_window(mask, window)[0]
                binary = _binary(classes, source, mask.nodata)
                found.update(np.unique(binary).tolist())
                file.write(counts, binary, window)
            file.notes.extend(quantiser.notes())
            file.notes.extend(_lacking(found, source, label, mask.nodata))
            file.require_learnable(name)
    return file.notes


def _quantity(source: Rasters, imagery: Imagery) -> Quantity:
    if source.values == "counts":
        return imagery.quantity.model_copy(update={"scale": 1.0, "offset": 0.0})
    return imagery.quantity


def _physical(raster: DatasetReader, source: Rasters, window: Window) -> NDArray[np.float64]:
    values = read_window(raster, window).astype(np.float64)
    for nodata in (source.nodata, raster.nodata):
        if nodata is not None:
            values[values == nodata] = np.nan
    return values


def _grid(raster: DatasetReader) -> dict[str, Any]:
    return {"size": raster.shape, "CRS": raster.crs, "grid": tuple(raster.transform)}


def _lacking(found: set[int], source: Rasters, label: Path, nodata: float | None) -> Iterator[str]:
    """Yield a note for each class that the label lacks: it may be absent or misconfigured."""
    for value, meaning in ((1, "is"), (0, "is not")):
        if value not in found:
            yield (
                f"{label}: no pixel {meaning} of the class (positive {list(source.positive)}, "
                f"ignore {list(source.ignore)}, the label's own nodata {nodata})"
            )


def _binary(
    values: NDArray[np.generic], source: Rasters, nodata: float | None
) -> NDArray[np.uint8]:
    positive = np.isin(values, source.positive)
    label = positive.astype(np.uint8)
    label[np.isin(values, source.ignore)] = IGNORE
    missing = np.isnan(values) | (values == nodata)
    label[missing & ~positive] = IGNORE
    return label
