"""A dataset of user rasters, small enough for trainings of seconds."""

from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin

STUDY = Path("configs/smoke.yaml")
IMAGES, LABELS, KEPT = Path("own/images"), Path("own/labels"), Path("own/kept")
KNOWN = ("known1", "known2")
"""Scenes that are assigned to the training fold."""
UNSEEN = ("unseen1", "unseen2")
"""Scenes that are assigned to the scored fold."""
MORE_KNOWN, MORE_UNSEEN = "known3", "unseen3"
"""Scenes outside the folder that the study reads, for tests that add a scene."""
_SIDE = 64

# Text to append to configs/smoke.yaml, in which datasets come last.
_DATASET = """
  own:
    title: Own scenes
    caption: Generated imagery and labels; nothing here is real.
    credit: generated
    source:
      recipe: rasters
      images: own/images/*.tif
      labels: own/labels/{scene}.tif
      values: counts
      positive: [1]
    quantity: {name: brightness temperature, unit: K, scale: 0.01, data_range: 10000}
    sensor: landsat8-tirs
    pixel_m: 60
    bands: [B10]
    tiling:
      tile: 32
      folds: {by: scene, block_tiles: 1, salt: "92"}
    rates:
      jpeg2000: [1.0]
      dgml: [0.01]
    segmenters: [unet]
"""


def add_own_dataset(folder: Path) -> None:
    """Write the rasters into a copy of the project, and add the dataset to its smoke study."""
    for part in (IMAGES, LABELS, KEPT):
        (folder / part).mkdir(parents=True)
    for seed, scene in enumerate((*KNOWN, *UNSEEN, MORE_KNOWN, MORE_UNSEEN)):
        images = KEPT if scene in (MORE_KNOWN, MORE_UNSEEN) else IMAGES
        image, label = _scene(seed)
        _write(folder / images / f"{scene}.tif", image)
        _write(folder / LABELS / f"{scene}.tif", label)
    study = (folder / STUDY).read_text()
    run = "run: [tiny-thermal, tiny-optical"
    assert run in study
    (folder / STUDY).write_text(study.replace(run, f"{run}, own").rstrip() + _DATASET)


def _scene(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Generate counts and labels: waves, with the positive class where counts are largest."""
    rng = np.random.default_rng(seed)
    rows, cols = np.mgrid[:_SIDE, :_SIDE] / _SIDE
    waves = np.sin(9 * rows + seed) * np.cos(7 * cols)
    image = 3000 + 1500 * waves + rng.normal(0, 60, waves.shape)
    return np.rint(image).astype(np.uint16), (waves > 0.4).astype(np.uint8)


def _write(file: Path, values: np.ndarray) -> None:
    profile = {"driver": "GTiff", "count": 1, "height": _SIDE, "width": _SIDE}
    placed = {"crs": "EPSG:32632", "transform": from_origin(400_000, 5_000_000, 60, 60)}
    with rasterio.open(file, "w", dtype=values.dtype, **profile, **placed) as raster:
        raster.write(values, 1)
