"""CompressAI's layers without the rest of CompressAI.

Importing the package runs its datasets and, through them, torch_geometric: two and a half seconds
in every job that codes or trains. The layers themselves need none of it.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec, module_from_spec


@contextmanager
def _unexecuted(package: str) -> Iterator[None]:
    """Let modules of a package be imported whose own `__init__` does not run."""
    spec = find_spec(package)
    if package in sys.modules or spec is None:
        yield
        return
    sys.modules[package] = module_from_spec(spec)
    try:
        yield
    finally:
        # whoever imports the package itself gets the whole of it
        del sys.modules[package]


with _unexecuted("compressai"):
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
