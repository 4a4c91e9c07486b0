"""Order in which latents are decoded; one step decodes all that are independent of each other."""

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

REACH = 2
"""Number of latents that a 5×5 context includes in each direction."""


class Context(StrEnum):
    """The latents on which a latent's distribution may depend, besides the hyperprior."""

    SERIAL = "dgml"
    """All latents above and to the left within 5×5: D. Minnen, J. Ballé, G. Toderici, "Joint
    Autoregressive and Hierarchical Priors for Learned Image Compression", NeurIPS 2018."""
    CHECKERBOARD = "checkerboard"
    """Latents of the other colour of a checkerboard: D. He et al., "Checkerboard Context Model for
    Efficient Learned Image Compression", CVPR 2021."""
    NONE = "hyperprior"
    """No other latents: J. Ballé et al., "Variational Image Compression with a Scale Hyperprior",
    2018, with means."""


def steps(context: Context, height: int, width: int) -> list[NDArray[np.int64]]:
    """List the positions row·width + column of each step; a step depends only on earlier steps.

    In the serial context, steps are wavefronts: positions of equal column + 3·row.
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
    """Mask the latents that other latents may use as context, bool [y, x].

    In the checkerboard context these are the latents of the first colour.
    """
    rows, cols = np.mgrid[:height, :width]
    if context is Context.CHECKERBOARD:
        return np.asarray((rows + cols) % 2 == 0)
    return np.ones((height, width), bool)
