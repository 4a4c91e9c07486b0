"""How a network is trained."""

from pydantic import Field

from workflow_lib.config.section import Section


class TrainingSchedule(Section):
    """The schedule of one training run, for codecs and segmenters alike."""

    steps: int = Field(gt=0)
    """Optimiser steps."""
    batch: int = Field(gt=0)
    """Crops per step."""
    crop: int = Field(ge=16)
    """Side of the square training crops, in pixels."""
    learning_rate: float = Field(gt=0)
    """Peak learning rate of Adam; it falls to zero along a half cosine."""
    validate_every: int = Field(default=50, gt=0)
    """Steps between two validations; the best weights seen are the ones kept."""
    checkpoint_seconds: float = Field(default=60, ge=0)
    """Seconds between two checkpoints from which an interrupted run goes on."""
