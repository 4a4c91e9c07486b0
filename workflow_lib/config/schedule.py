"""Training schedule of a network."""

from pydantic import Field

from workflow_lib.config.section import Section


class TrainingSchedule(Section):
    """Schedule of one training, of a codec or of a segmenter."""

    steps: int = Field(gt=0)
    """Optimiser steps."""
    batch: int = Field(gt=0)
    """Crops per step."""
    crop: int = Field(ge=16)
    """Side of the square training crops, in pixels."""
    learning_rate: float = Field(gt=0)
    """Peak learning rate of Adam; it falls to zero along a half cosine."""
    validate_every: int = Field(default=50, gt=0)
    """Steps between two validations; the weights of the best validation are kept."""
    checkpoint_seconds: float = Field(default=60, ge=0)
    """Seconds between two checkpoints; an interrupted run continues from the last one."""
