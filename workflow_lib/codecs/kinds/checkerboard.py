"""Learned codec whose context is one half of a checkerboard."""

from typing import Literal

from workflow_lib.codecs.learned.loader import open_codec
from workflow_lib.codecs.learned.options import LearnedOptions

__all__ = ["Checkerboard", "open_codec"]


class Checkerboard(LearnedOptions):
    """Learned codec with a checkerboard context: decodes in two steps, whatever the size."""

    context = "checkerboard"
    kind: Literal["checkerboard"]
