"""Options of simulated fires and roofs."""

from typing import Annotated

from pydantic import AfterValidator, Field

from workflow_lib.config.section import Section


def _rising(limits: tuple[float, float]) -> tuple[float, float]:
    if limits[0] > limits[1]:
        raise ValueError(f"{limits[0]} is above {limits[1]}")
    return limits


Range = Annotated[tuple[float, float], AfterValidator(_rising)]
"""Lowest and highest value."""
Positive = Annotated[
    tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]], AfterValidator(_rising)
]
"""A range above zero."""
Share = Annotated[
    tuple[Annotated[float, Field(ge=0, le=1)], Annotated[float, Field(ge=0, le=1)]],
    AfterValidator(_rising),
]
"""A range within 0 and 1."""


class FireSimulation(Section):
    """Fires mixed into a thermal scene below pixel size, after Dozier (1981)."""

    seed: int = Field(ge=0)
    """Seed of fires, distractors, reflectance and noise."""
    fires_per_megapixel: float = Field(default=90, gt=0)
    """Burning clusters per million pixels of the scene."""
    walk_steps: int = Field(default=150, ge=1)
    """Longest random walk by which a cluster spreads, in steps."""
    min_background_k: float = Field(default=308.0, gt=0)
    """Fires burn only where the land surface is warmer than this."""
    fire_k: Positive = (650.0, 1100.0)
    """Range of fire temperatures."""
    log10_fraction: Range = (-3.5, -1.0)
    """Range of the burning share of a pixel, as decadic logarithm."""
    distractor_k: Range = (5.0, 45.0)
    """Range by which hot distractors exceed their surroundings; they are as many as fires."""
    reflectance: Share = (0.02, 0.35)
    """Range of the smooth surface reflectance at 3.8 µm."""
    psf_px: float = Field(default=0.3, ge=0)
    """Standard deviation of the point spread, in pixels."""
    noise_k: float = Field(default=0.3, ge=0)
    """Noise-equivalent temperature difference at 300 K."""
    saturation_k: float = Field(default=500.0, gt=0)
    """Brightness temperature at which the detector saturates."""
    min_change_k: float = Field(default=10.0, ge=0)
    """A fire that changes brightness temperature by less is labelled ignore."""


class RoofSimulation(Section):
    """Roofs mixed linearly into multispectral pixels by covered area."""

    seed: int = Field(ge=0)
    """Seed of streets, roofs and their spectra."""
    streets: int = Field(default=260, gt=0)
    """Number of streets."""
    street_m: Positive = (200.0, 700.0)
    """Range of a street's length in metres."""
    roof_m: Positive = (20.0, 80.0)
    """Range of a roof's side in metres; small ones are more frequent (log-uniform)."""
    gap_m: Positive = (15.0, 60.0)
    """Range of the gap between neighbouring roofs in metres."""
    brightness: Positive = (0.6, 1.0)
    """Range of the factor on a roof's spectrum."""
    psf_px: float = Field(default=0.45, ge=0)
    """Standard deviation of the point spread, in pixels of the band's own grid."""
    label_fraction: Share = (0.2, 0.5)
    """Covered share of a pixel: up to the first value no roof, above the second a roof; between
    them the label is ignore."""
