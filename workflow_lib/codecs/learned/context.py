"""In which order latents are decoded: what a context leaves independent goes in one step."""

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

REACH = 2
"""Latents that a 5×5 context sees in each direction."""


class Context(StrEnum):
    """What a latent's distribution may depend on besides the hyperprior."""

    SERIAL = "dgml"
    """Everything above and to the left within 5×5: D. Minnen, J. Ballé, G. Toderici, "Joint
    Autoregressive and Hierarchical Priors for Learned Image Compression", NeurIPS 2018."""
    CHECKERBOARD = "checkerboard"
    """The other colour of a checkerboard: D. He et al., "Checkerboard Context Model for Efficient
    Learned Image Compression", CVPR 2021."""
    NONE = "hyperprior"
    """Nothing: J. Ballé et al., "Variational Image Compression with a Scale Hyperprior", 2018,
    with means."""


def steps(context: Context, height: int, width: int) -> list[NDArray[np.int64]]:
    """Positions row·width + column of each step; a step depends on earlier ones only.

    In the serial context these are wavefronts: positions with one value of column + 3·row.
    """
    rows, cols = np.divmod(np.arange(height * width), width)
    match context:
        case Context.SERIAL:
            number = cols + (REACH + 1) * rows
        case Context.CHECKERBOARD:
            number = (rows + cols) % 2
        case Context.NONE:
            number = np.zeros_like(rows)
    order = np.argsort(number, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(number[order])) + 1)


def visible(context: Context, height: int, width: int) -> NDArray[np.bool_]:
    """Where a latent is seen by others, bool [y, x]: of a checkerboard, the first colour."""
    rows, cols = np.mgrid[:height, :width]
    if context is Context.CHECKERBOARD:
        return np.asarray((rows + cols) % 2 == 0)
    return np.ones((height, width), bool)
