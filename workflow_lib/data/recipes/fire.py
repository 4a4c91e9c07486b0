"""ECOSTRESS land surface temperature as a mid-wave band with simulated fires."""

from pathlib import Path

from rasterio.windows import Window

from workflow_lib.config.datasets import EcostressFire, Imagery
from workflow_lib.data.quantise import to_counts
from workflow_lib.data.raster_files import find, open_raster, within
from workflow_lib.data.scenes import Scene
from workflow_lib.data.simulate_fire import simulate_fire

_FILE = "ECOv002_L2T_LSTE_33730_008_11SPS_20240617T205018_0712_01_LST.tif"
MEMBERS = (f"*/examples/{_FILE}",)


def read(source: EcostressFire, imagery: Imagery, folder: Path) -> Scene:
    """Read the scene in `source.window` and simulate fires in it.

    Args:
        source: window and simulation.
        imagery: quantity of the counts.
        folder: folder of the unpacked archive.

    Raises:
        DownlinkError: the file is missing or damaged.
    """
    notes: list[str] = []
    part = source.window
    with open_raster(find(folder, _FILE)) as raster:
        window = Window(part.col, part.row, part.width, part.height)
        within(window, raster)
        surface = raster.read(1, window=window)
        transform, crs = raster.window_transform(window), raster.crs
    kelvin, label = simulate_fire(surface, source.simulation)
    return Scene(
        image=to_counts(kelvin, imagery.quantity, notes)[None],
        label=label,
        transform=transform,
        crs=crs,
        notes=notes,
    )
