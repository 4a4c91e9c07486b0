"""Training objective of learned codecs: R + λ·D of forward passes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor, nn

from workflow_lib.codecs.learned.model import LearnedModel, padded_to_patches
from workflow_lib.codecs.learned.options import PATCH, LearnedOptions
from workflow_lib.codecs.mosaic import fill
from workflow_lib.data.tiles import Tiles
from workflow_lib.training.crops import Crop, stacked

PEAK = 255.0
"""Peak of MSE₂₅₅, the mean squared error of counts scaled by 255 / data_range."""
_PRIOR_LEARNING_RATE = 1e-2


class Examples(NamedTuple):
    """Images to encode, in integers to keep copies to a GPU small.

    Attributes:
        counts: counts with missing pixels filled, uint16 [tile, band, y, x].
        valid: mask of the valid pixels, bool [tile, 1, y, x].
    """

    counts: Tensor
    valid: Tensor

    @classmethod
    def of(cls, tiles: Tiles) -> Self:
        """Make examples from tiles."""
        counts = np.stack([fill(image) for image in tiles.image])
        return cls(torch.from_numpy(counts), torch.from_numpy(tiles.valid)[:, None])

    def some(self, which: slice) -> "Examples":
        """Select a slice of the images."""
        return Examples(self.counts[which], self.valid[which])

    def at(self, crops: Sequence[Crop]) -> "Examples":
        """Cut crops out of the images."""
        return Examples(stacked(self.counts.numpy(), crops), stacked(self.valid.numpy(), crops))


@dataclass(frozen=True)
class Cost:
    """Rate and distortion of a batch of images, as sums.

    Attributes:
        bits: estimated bits.
        squares: sum of squared errors of valid samples, in units of MSE₂₅₅.
        samples: number of valid samples.
    """

    bits: Tensor
    squares: Tensor
    samples: Tensor

    @classmethod
    def sum(cls, costs: Sequence[Self]) -> Self:
        """Add the costs of several batches."""
        return cls(
            torch.stack([cost.bits for cost in costs]).sum(),
            torch.stack([cost.squares for cost in costs]).sum(),
            torch.stack([cost.samples for cost in costs]).sum(),
        )

    def losses(self, lam: float) -> dict[str, Tensor]:
        """Compute R in bits per pixel and band, D = MSE₂₅₅, and "loss" R + λ·D."""
        samples = self.samples.clamp_min(1)
        rate, mse = self.bits / samples, self.squares / samples
        return {"loss": rate + lam * mse, "rate_bpppb": rate, "mse_255": mse}

    def figures(self, lam: float) -> dict[str, float]:
        """Return `losses` as numbers."""
        return {name: value.item() for name, value in self.losses(lam).items()}


def coded(model: LearnedModel, examples: Examples, data_range: float) -> tuple[Tensor, Cost]:
    """Reconstruct images by a forward pass, and compute their cost.

    Args:
        model: the codec.
        examples: images of any size.
        data_range: peak value, in counts.

    Returns:
        Normalised reconstructions [tile, band, y, x], and their cost.
    """
    height, width = examples.counts.shape[2:]
    image = padded_to_patches(model.normalise(examples.counts.float()))
    # Padding is not valid, so that it adds no error.
    border = (0, -width % PATCH, 0, -height % PATCH)
    valid = nn.functional.pad(examples.valid.float(), border)
    output = model(image)
    weights = model.gain * PEAK / data_range
    error = (output.image - image) * weights * valid
    samples = valid.sum() * image.shape[1]
    cost = Cost(output.bits, error.square().sum(), samples)
    return output.image[:, :, :height, :width], cost


def parameter_groups(
    model: LearnedModel, config: LearnedOptions, learning_rate: float
) -> list[dict[str, Any]]:
    """Return Adam's parameter groups: linear layers, the hyperlatents' prior, and all others.

    Args:
        model: the codec.
        config: the codec's configuration, with the learning rates of `fit`.
        learning_rate: peak rate of the last group. If it is below the rate of `fit`, the rates of
            the other groups are lowered in proportion.
    """
    linear = [*model.analysis.linear.parameters(), *model.synthesis.linear.parameters()]
    prior = [model.prior.hyper_parameters]
    apart = {id(p) for p in [*linear, *prior]}
    rest = [p for p in model.parameters() if id(p) not in apart]
    share = min(1.0, learning_rate / config.training.learning_rate)
    linear_rate = share * config.klt_learning_rate if config.init == "klt" else learning_rate
    return [
        {"params": rest, "lr": learning_rate},
        {"params": linear, "lr": linear_rate},
        {"params": prior, "lr": share * _PRIOR_LEARNING_RATE},
    ]
