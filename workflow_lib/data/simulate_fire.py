"""Simulate a 3.8 µm band with fires from real land surface temperature.

Within a pixel, the radiances of fire and background mix by area: Dozier (1981), Remote Sens.
Environ. 11:221–229.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from workflow_lib.config.simulation import FireSimulation
from workflow_lib.data.pixel_values import IGNORE

Floats = NDArray[np.float64]

WAVELENGTH_UM = 3.8
_C1 = 1.191042972e8
"""First radiation constant for radiance, 2hc², in W µm⁴ m⁻² sr⁻¹ (CODATA 2018)."""
_C2 = 1.438776877e4
"""Second radiation constant, hc/k, in µm K (CODATA 2018)."""
_SUN = 11.0
"""Solar irradiance at 3.8 µm in W m⁻² µm⁻¹ (a 5772 K black body at one astronomical unit)."""
_COS_SUN_ZENITH = 0.93
_TRANSMITTANCE = 0.85
_REFLECTANCE_SCALE_PX = 4.0
_NOISE_AT_K = 300.0


def radiance(kelvin: Floats) -> Floats:
    """Compute black-body radiance at 3.8 µm in W m⁻² sr⁻¹ µm⁻¹ (Planck's law)."""
    return np.asarray(_C1 / WAVELENGTH_UM**5 / np.expm1(_C2 / (WAVELENGTH_UM * kelvin)))


def brightness_temperature(spectral_radiance: Floats) -> Floats:
    """Invert `radiance`: compute brightness temperature in K."""
    return np.asarray(
        _C2 / (WAVELENGTH_UM * np.log1p(_C1 / (WAVELENGTH_UM**5 * spectral_radiance)))
    )


def simulate_fire(
    surface_k: NDArray[np.floating], settings: FireSimulation
) -> tuple[Floats, NDArray[np.uint8]]:
    """Simulate brightness temperature at 3.8 µm of a scene with fires, and its label.

    Args:
        surface_k: land surface temperature in K, [y, x]; NaN where unknown.
        settings: properties of the fires and of the sensor.

    Returns:
        Brightness temperature in K, float64 [y, x], NaN where unknown; label uint8 [y, x], 1 fire,
        0 none, 255 a fire too weak to detect.
    """
    rng = np.random.default_rng(settings.seed)
    known = np.isfinite(surface_k)
    surface = np.where(known, surface_k, np.nanmean(surface_k)).astype(np.float64)
    reflectance = _reflectance(rng, surface.shape, settings)
    burns = _clusters(rng, surface, settings) & known
    distracts = _clusters(rng, surface, settings) & known & ~burns
    heat = np.where(distracts, rng.uniform(*settings.distractor_k, surface.shape), 0.0)
    sunlight = reflectance * _SUN * _COS_SUN_ZENITH * _TRANSMITTANCE / np.pi
    background = (1 - reflectance) * radiance(surface + heat) + sunlight
    share = 10 ** rng.uniform(*settings.log10_fraction, surface.shape) * burns
    flames = radiance(rng.uniform(*settings.fire_k, surface.shape))
    noise = rng.normal(0, _noise_radiance(settings.noise_k), surface.shape)
    with_fire = _seen(share * flames + (1 - share) * background, noise, settings)
    without = _seen(background, noise, settings)
    label = burns.astype(np.uint8)
    label[burns & (with_fire - without < settings.min_change_k)] = IGNORE
    return np.where(known, with_fire, np.nan), label


def _reflectance(
    rng: np.random.Generator, shape: tuple[int, ...], settings: FireSimulation
) -> Floats:
    """Draw a smooth field whose values are uniform over the range of reflectance."""
    field = gaussian_filter(rng.standard_normal(shape), _REFLECTANCE_SCALE_PX, mode="wrap")
    rank = field.ravel().argsort(kind="stable").argsort(kind="stable").reshape(shape)
    low, high = settings.reflectance
    return np.asarray(low + (high - low) * rank / max(rank.size - 1, 1))


def _clusters(
    rng: np.random.Generator, surface: Floats, settings: FireSimulation
) -> NDArray[np.bool_]:
    """Mark the warm pixels that random walks visit; each walk starts at a warm pixel."""
    height, width = surface.shape
    warm = surface > settings.min_background_k
    starts = np.flatnonzero(warm)
    count = round(settings.fires_per_megapixel * surface.size / 1e6)
    visited = np.zeros(surface.shape, bool)
    if starts.size == 0:
        return visited
    for start in rng.choice(starts, count):
        steps = rng.integers(-1, 2, (rng.integers(0, settings.walk_steps + 1), 2))
        path = np.vstack([[0, 0], steps.cumsum(axis=0)]) + divmod(int(start), width)
        inside = ((path >= 0) & (path < (height, width))).all(axis=1)
        visited[tuple(path[inside].T)] = True
    return visited & warm


def _seen(spectral_radiance: Floats, noise: Floats, settings: FireSimulation) -> Floats:
    """Simulate the detector: blur radiance, add noise, convert to kelvin, saturate."""
    blurred = gaussian_filter(spectral_radiance, settings.psf_px) + noise
    floor = radiance(np.array(200.0))
    return np.minimum(brightness_temperature(np.maximum(blurred, floor)), settings.saturation_k)


def _noise_radiance(kelvin: float) -> float:
    """Convert a noise of `kelvin` at 300 K to noise in radiance."""
    near = radiance(np.array([_NOISE_AT_K, _NOISE_AT_K + 1.0]))
    return kelvin * float(near[1] - near[0])
