"""In which precision networks compute while they are trained."""

import torch
from torch import Tensor


def reduced(device: torch.device) -> torch.autocast:
    """Forward passes in bf16 where a GPU has units for it; no change elsewhere, and on no CPU."""
    able = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.autocast(device.type, torch.bfloat16, enabled=able)


def full(like: Tensor) -> torch.autocast:
    """No reduced precision inside, for what bf16's 8 bits cannot hold.

    Args:
        like: a tensor on the device concerned.
    """
    return torch.autocast(like.device.type, enabled=False)
