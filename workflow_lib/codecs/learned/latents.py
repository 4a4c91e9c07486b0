"""Entropy coding of the latents along wavefronts of the context model.

A latent's Gaussian depends on latents above and to the left of it, so decoding is serial; but all
positions with equal column + 3·row depend on earlier ones only and are handled together. Encoder
and decoder run the same `_Wavefronts`, hence the same arithmetic.
"""

from collections.abc import Iterator

import torch
from compressai.ans import BufferedRansEncoder, RansDecoder
from torch import Tensor, nn
from torch.nn.functional import linear

from workflow_lib.codecs.learned.model import LearnedModel
from workflow_lib.codecs.learned.quantise import cheapest

_REACH = 2
"""How far the 5×5 context sees."""
_SKEW = _REACH + 1


class _Wavefronts:
    """The latents under construction, and the Gaussians of each wavefront in turn."""

    def __init__(self, model: LearnedModel, features: Tensor) -> None:
        self.model = model
        m = model.sizes.latents
        _, _, self.height, self.width = features.shape
        self.features = features[0].permute(1, 2, 0).reshape(-1, 2 * m)
        self.spread = model.spread.flatten()
        self.row_length = self.width + 2 * _REACH
        self.seen = torch.zeros((self.height + _REACH) * self.row_length, m)
        kernel = model.context.weight * model.context.mask
        inside = model.context.mask[0, 0].nonzero()
        self.kernel = kernel[:, :, inside[:, 0], inside[:, 1]].transpose(1, 2).reshape(2 * m, -1)
        self.neighbours = (inside[:, 0] - _REACH) * self.row_length + inside[:, 1] - _REACH
        self.layers = [
            (layer.weight.flatten(1), layer.bias)
            for layer in (*model.entropy_parameters, model.last)
            if isinstance(layer, nn.Conv2d)
        ]

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Positions of each wavefront, in the grid and in `seen`."""
        for front in range(self.width + _SKEW * (self.height - 1)):
            first = max(0, -(-(front - self.width + 1) // _SKEW))
            rows = torch.arange(first, min(self.height - 1, front // _SKEW) + 1)
            columns = front - _SKEW * rows
            yield (
                rows * self.width + columns,
                (rows + _REACH) * self.row_length + columns + _REACH,
            )

    def gaussians(self, grid: Tensor, padded: Tensor) -> tuple[Tensor, Tensor]:
        """Rows of the CDF tables, and means, both [position, M]."""
        around = self.seen[padded[:, None] + self.neighbours].flatten(1)
        context = linear(around, self.kernel, self.model.context.bias)
        hidden = torch.cat((self.features[grid], context), dim=1)
        for weight, bias in self.layers[:-1]:
            hidden = nn.functional.leaky_relu(linear(hidden, weight, bias))
        scales, means = self.model.gaussians(linear(hidden, *self.layers[-1]), self.spread)
        table = self.model.gaussian_conditional.scale_table
        return torch.bucketize(scales, table[:-1]), means

    def place(self, padded: Tensor, values: Tensor) -> None:
        """Make decoded values [position, M] part of the context."""
        self.seen[padded] = values / self.spread

    def latents(self) -> Tensor:
        """All values, [1, M, y, x]."""
        grid = self.seen.reshape(self.height + _REACH, self.row_length, -1)
        inside = grid[_REACH:, _REACH:-_REACH].permute(2, 0, 1)
        return (inside * self.model.spread)[None]


def _tables(model: LearnedModel) -> tuple[list[list[int]], list[int], list[int]]:
    gaussian = model.gaussian_conditional
    return (
        gaussian.quantized_cdf.tolist(),
        gaussian.cdf_length.tolist(),
        gaussian.offset.tolist(),
    )


def encode_latents(model: LearnedModel, latents: Tensor, features: Tensor) -> bytes:
    """Code latents [1, M, y, x], given the hyperprior's features [1, 2·M, y, x]."""
    wavefronts = _Wavefronts(model, features)
    values = latents[0].flatten(1).T
    gaussian = model.gaussian_conditional
    symbols: list[int] = []
    indexes: list[int] = []
    for grid, padded in wavefronts:
        index, means = wavefronts.gaussians(grid, padded)
        symbol = cheapest(gaussian, values[grid] - means, gaussian.scale_table[index])
        wavefronts.place(padded, symbol + means)
        symbols += symbol.int().flatten().tolist()
        indexes += index.flatten().tolist()
    encoder = BufferedRansEncoder()
    encoder.encode_with_indexes(symbols, indexes, *_tables(model))
    stream: bytes = encoder.flush()
    return stream


def decode_latents(model: LearnedModel, stream: bytes, features: Tensor) -> Tensor:
    """The latents [1, M, y, x] that `encode_latents` coded."""
    wavefronts = _Wavefronts(model, features)
    tables = _tables(model)
    decoder = RansDecoder()
    decoder.set_stream(stream)
    for grid, padded in wavefronts:
        index, means = wavefronts.gaussians(grid, padded)
        symbols = decoder.decode_stream(index.flatten().tolist(), *tables)
        decoded = torch.tensor(symbols, dtype=torch.float32).reshape(means.shape)
        wavefronts.place(padded, decoded + means)
    return wavefronts.latents()
