"""Resample the spatial blocks that a study was scored on (block bootstrap).

Each resample draws one block fewer than a stratum has and scales the weights accordingly. Hence
the variance of linear statistics is unbiased even with few blocks.

J. N. K. Rao and C. F. J. Wu, "Resampling inference with complex survey data", J. Am. Stat. Assoc.
83:231–241, 1988.
"""

import numpy as np
from numpy.typing import NDArray

_CHUNK = 64
"""Resamples drawn at a time, which bounds memory beyond the weights themselves."""


def block_weights(positive: NDArray[np.bool_], resamples: int, seed: int) -> NDArray[np.float64]:
    """Draw the weight of each block in each resample.

    Blocks with and without positives are two strata that are resampled separately. Hence every
    resample holds positives.

    Args:
        positive: whether a block holds a labelled positive, bool [block].
        resamples: number of resamples.
        seed: the same seed gives the same weights, hence paired figures.

    Returns:
        Weights, float64 [resample, block]. The weights of a stratum add up to its number of
        blocks. The only block of a stratum always weighs 1.
    """
    rng = np.random.default_rng(seed)
    weights = np.ones((resamples, len(positive)))
    for stratum in (positive, ~positive):
        blocks = int(stratum.sum())
        if blocks > 1:
            even = np.full(blocks, 1 / blocks)
            for some in np.array_split(weights, range(_CHUNK, resamples, _CHUNK)):
                drawn = rng.multinomial(blocks - 1, even, size=len(some))
                some[:, stratum] = drawn * (blocks / (blocks - 1))
    return weights


def block_df(positive: NDArray[np.bool_]) -> int:
    """Degrees of freedom of map scores: the number of blocks with positives, minus one.

    The usual count, blocks minus strata, assumes that all strata vary alike. The scores of a map
    depend mostly on the blocks with positives. bench/coverage.py shows that the usual count gives
    intervals far too narrow where such blocks are few.

    Args:
        positive: whether a block holds a labelled positive, bool [block].

    Returns:
        0 if at most one block holds positives.
    """
    return max(int(positive.sum()) - 1, 0)


def image_df(positive: NDArray[np.bool_]) -> int:
    """Degrees of freedom of image distortion: blocks minus strata, over non-empty strata.

    Coding errors occur in all blocks alike, so the usual count is right here.

    Args:
        positive: whether a block holds a labelled positive, bool [block].

    Returns:
        0 if each stratum has at most one block.
    """
    return sum(max(int(stratum.sum()) - 1, 0) for stratum in (positive, ~positive))
