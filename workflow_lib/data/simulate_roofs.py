"""Simulate roofs along streets; mix them into real multispectral pixels by covered area."""

import numpy as np
from numpy.typing import NDArray
from rasterio.features import rasterize
from rasterio.transform import Affine
from scipy.ndimage import gaussian_filter
from shapely import Polygon, affinity, box

from workflow_lib.config.simulation import RoofSimulation
from workflow_lib.data.pixel_values import IGNORE

_FINE = 5
"""Sub-pixels along a pixel's side, for estimating the covered area."""
_SETBACK_M = 12.0


def simulate_roofs(
    image: NDArray[np.uint16],
    land: NDArray[np.bool_],
    spectra: NDArray[np.uint16],
    native_px: tuple[float, ...],
    pixel_m: float,
    settings: RoofSimulation,
) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """Simulate roofs in a scene, and their label.

    Args:
        image: counts, uint16 [band, y, x].
        land: pixels where streets may start, bool [y, x].
        spectra: spectra from which roofs are drawn, uint16 [sample, band].
        native_px: side of each band's native pixel in pixels of the image, e.g. 2 for a 20 m band
            on a 10 m grid.
        pixel_m: side of a pixel, in metres.
        settings: streets, roofs and the sensor's point spread function.

    Returns:
        Counts, float64 [band, y, x]; label uint8 [y, x]: 1 roof, 0 none, 255 partly covered.
    """
    rng = np.random.default_rng(settings.seed)
    roofs = _roofs(rng, land, pixel_m, settings)
    chosen = spectra[rng.integers(0, len(spectra), len(roofs))]
    colours = chosen * rng.uniform(*settings.brightness, (len(roofs), 1))
    fine = _rasterised(roofs, image.shape[1:])
    covered = _shrunk((fine > 0).astype(np.float64))
    mixed = np.empty(image.shape, np.float64)
    for band, native in enumerate(native_px):
        roof = _shrunk(np.concatenate([[0.0], colours[:, band]])[fine])
        change = roof - covered * image[band]
        mixed[band] = image[band] + gaussian_filter(change, settings.psf_px * native)
    low, high = settings.label_fraction
    label = (covered > high).astype(np.uint8)
    label[(covered > low) & (covered <= high)] = IGNORE
    return mixed, label


def _roofs(
    rng: np.random.Generator, land: NDArray[np.bool_], pixel_m: float, settings: RoofSimulation
) -> list[Polygon]:
    """Place rectangles on both sides of straight streets, in pixels; later ones cover earlier."""
    starts = np.argwhere(land)
    roofs: list[Polygon] = []
    for row, col in starts[rng.integers(0, len(starts), settings.streets)]:
        angle = rng.uniform(0, 180)
        length = rng.uniform(*settings.street_m)
        street = [roof for side in (-1, 1) for roof in _terrace(rng, length, side, settings)]
        for roof in street:
            turned = affinity.rotate(roof, angle, origin=(0, 0))
            scaled = affinity.scale(turned, 1 / pixel_m, 1 / pixel_m, origin=(0, 0))
            placed = affinity.translate(scaled, col, row)
            middle = placed.centroid
            if _on(land, middle.y, middle.x):
                roofs.append(placed)
    return roofs


def _terrace(
    rng: np.random.Generator, length: float, side: int, settings: RoofSimulation
) -> list[Polygon]:
    """Draw the roofs on one side of a street along the x axis, in metres."""
    roofs = []
    x = rng.uniform(0, settings.gap_m[1])
    while x < length:
        small, large = np.log(settings.roof_m)
        front, depth = np.exp(rng.uniform(small, large, 2))
        near, far = side * _SETBACK_M, side * (_SETBACK_M + depth)
        roofs.append(box(x, min(near, far), x + front, max(near, far)))
        x += front + rng.uniform(*settings.gap_m)
    return roofs


def _on(land: NDArray[np.bool_], y: float, x: float) -> bool:
    row, col = int(np.floor(y)), int(np.floor(x))
    return 0 <= row < land.shape[0] and 0 <= col < land.shape[1] and bool(land[row, col])


def _rasterised(roofs: list[Polygon], shape: tuple[int, ...]) -> NDArray[np.int32]:
    """Return the number of the roof that covers each sub-pixel, from 1; 0 means no roof."""
    fine = (shape[0] * _FINE, shape[1] * _FINE)
    numbered = [(roof, number) for number, roof in enumerate(roofs, start=1)]
    return np.asarray(
        rasterize(numbered, fine, transform=Affine.scale(1 / _FINE), dtype="int32"), np.int32
    )


def _shrunk(fine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average the sub-pixels of each pixel."""
    height, width = fine.shape
    parts = fine.reshape(height // _FINE, _FINE, width // _FINE, _FINE)
    return np.asarray(parts.mean(axis=(1, 3)))
