"""Generate tiny scenes: textured background, correlated bands, and bright blobs as the class."""

import numpy as np
from numpy.typing import NDArray
from rasterio.transform import from_origin
from scipy.ndimage import gaussian_filter

from workflow_lib.config.datasets import Generated, Imagery
from workflow_lib.data.scenes import Scene

_BASE = 3000.0
_CONTRAST = 600.0
_BLOB = 1500.0
_NOISE = 30.0


def read(source: Generated, imagery: Imagery, index: int) -> Scene:
    """Generate the scene of the given number, on a 10 m grid without CRS.

    Args:
        source: size in pixels and seed of the first scene.
        imagery: gives the number of bands.
        index: number of the scene; its seed is `source.seed + index`.
    """
    rng = np.random.default_rng(source.seed + index)
    shape = (source.side, source.side)
    bands = len(imagery.bands)
    background = (
        _BASE + _CONTRAST * _texture(rng, shape, 6.0) + _CONTRAST / 3 * _texture(rng, shape, 1)
    )
    blobs = _texture(rng, shape, 3.0) > 1.2
    gains = np.linspace(0.7, 1.3, bands)[:, None, None]
    image = gains * (background + _BLOB * gaussian_filter(blobs.astype(np.float64), 0.7))
    image = image + rng.normal(0, _NOISE, image.shape)
    return Scene(
        image=np.clip(np.rint(image), 1, 65535).astype(np.uint16),
        label=blobs.astype(np.uint8),
        transform=from_origin(0, 0, 10, 10),
        crs=None,
    )


def _texture(rng: np.random.Generator, shape: tuple[int, int], width: float) -> NDArray[np.float64]:
    """Draw Gaussian noise, smoothed over `width` pixels, with mean 0 and standard deviation 1."""
    field = gaussian_filter(rng.standard_normal(shape), width, mode="wrap")
    return np.asarray((field - field.mean()) / field.std())
