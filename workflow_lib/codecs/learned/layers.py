"""Import CompressAI's layers without the rest of CompressAI.

Importing the package also imports its datasets and torch_geometric, which takes two and a half
seconds in every job that codes or trains. The layers need none of these.
"""

from workflow_lib.partial_import import without_init

with without_init("compressai"):
    from compressai.layers import (
        AttentionBlock,
        CheckerboardMaskedConv2d,
        MaskedConv2d,
        ResidualBlock,
        ResidualBlockUpsample,
        ResidualBlockWithStride,
        conv1x1,
        conv3x3,
        subpel_conv3x3,
    )
    from compressai.ops import LowerBound

__all__ = [
    "AttentionBlock",
    "CheckerboardMaskedConv2d",
    "LowerBound",
    "MaskedConv2d",
    "ResidualBlock",
    "ResidualBlockUpsample",
    "ResidualBlockWithStride",
    "conv1x1",
    "conv3x3",
    "subpel_conv3x3",
]
