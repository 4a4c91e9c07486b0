"""Learned codec with Gaussian mixtures and a serial 5×5 context."""

from typing import Literal

from pydantic import Field

from workflow_lib.codecs.learned.loader import open_codec
from workflow_lib.codecs.learned.options import MOST_COMPONENTS, LearnedOptions

__all__ = ["Dgml", "open_codec"]


class Dgml(LearnedOptions):
    """Learned codec with Gaussian mixtures and a serial 5×5 context."""

    context = "dgml"
    kind: Literal["dgml"]
    components: int = Field(default=3, ge=1, le=MOST_COMPONENTS)
    """K, Gaussian components of each latent's mixture."""
