"""Settings of the simulated fires and roofs."""

from pydantic import Field

from workflow_lib.config.base import Section


class FireSimulation(Section):
    """Fires mixed into a thermal scene below pixel size, after Dozier (1981)."""

    seed: int = Field(ge=0)
    """Seed of fires, distractors, reflectance and noise."""


class RoofSimulation(Section):
    """Roofs mixed linearly into multispectral pixels by covered area."""

    seed: int = Field(ge=0)
    """Seed of streets, roofs and their spectra."""
