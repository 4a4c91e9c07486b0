"""Options of intervals and verdicts."""

from pydantic import Field

from workflow_lib.config.section import Section


class Statistics(Section):
    """Intervals, verdicts and claims; docs/science.md has the formulas."""

    resamples: int = Field(default=2000, ge=100)
    """Resamples of the block bootstrap."""
    seed: int = Field(default=0, ge=0)
    """Seed of the resamples."""
    epsilon: float = Field(default=0.01, gt=0, lt=1)
    """IoU that a map may lose and still count as good as the map of originals."""
    thermal_margin: float = Field(default=0.02, ge=0, lt=1)
    """H2: BD-IoU by which JPEG 2000 may trail the learned codec and still be competitive."""
    joint_margin: float = Field(default=0.01, ge=0, lt=1)
    """H3: IoU that joint optimisation may gain and still count as no better."""
