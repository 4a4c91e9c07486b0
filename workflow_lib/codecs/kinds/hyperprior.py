"""Learned codec without a context model."""

from typing import Literal

from workflow_lib.codecs.learned.loader import open_codec
from workflow_lib.codecs.learned.options import LearnedOptions

__all__ = ["Hyperprior", "open_codec"]


class Hyperprior(LearnedOptions):
    """Learned codec without context, mean and scale from the hyperprior alone."""

    context = "hyperprior"
    kind: Literal["hyperprior"]
