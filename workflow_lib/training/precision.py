"""Numerical precision of networks during training."""

import torch
from torch import Tensor


def reduced(device: torch.device) -> torch.autocast:
    """Return a context that runs forward passes in bf16 if the device is a GPU with bf16 units.

    On other devices the context changes nothing.
    """
    able = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.autocast(device.type, torch.bfloat16, enabled=able)


def full(like: Tensor) -> torch.autocast:
    """Return a context with full precision, for values that bf16's 8 bits cannot represent.

    Args:
        like: a tensor on the device of the computation.
    """
    return torch.autocast(like.device.type, enabled=False)
