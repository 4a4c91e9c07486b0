"""Resampling of the spatial blocks that a study was scored on.

J. N. K. Rao and C. F. J. Wu, "Resampling inference with complex survey data", J. Am. Stat. Assoc.
83:231–241, 1988: drawing one block fewer than a stratum has, and weighing it up again, gives
linear statistics an unbiased variance even where blocks are few.
"""

import numpy as np
from numpy.typing import NDArray

_CHUNK = 64
"""Resamples drawn at a time, so that nothing but the weights themselves takes memory."""


def block_weights(positive: NDArray[np.bool_], resamples: int, seed: int) -> NDArray[np.float64]:
    """How often each block counts in each resample, float64 [resample, block].

    Args:
        positive: whether a block holds a labelled positive, bool [block]; the two kinds are
            resampled apart, so that every resample holds positives.
        resamples: how many.
        seed: the same seed gives the same weights, hence paired figures.

    The weights of either kind add up to its number of blocks; a block alone of its kind always
    weighs 1.
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
    """Degrees of freedom of what a map finds: one fewer than blocks that hold a labelled positive.

    Args:
        positive: whether a block holds a labelled positive, bool [block].

    The usual count, blocks less strata, is right where all strata vary alike. What a map finds lies
    in the blocks with positives, however many others there are, and bench/coverage.py shows the
    usual count to be far too bold where those are few. None are left where one block holds them.
    """
    return max(int(positive.sum()) - 1, 0)


def image_df(positive: NDArray[np.bool_]) -> int:
    """Degrees of freedom of what an image loses: blocks less strata, of strata that vary.

    Args:
        positive: whether a block holds a labelled positive, bool [block].

    Errors of coding lie in all blocks alike, so that here the usual count is right. None are left
    where there is at most one block of either kind.
    """
    return sum(max(int(stratum.sum()) - 1, 0) for stratum in (positive, ~positive))
