"""The prior in integers: its results are equal for every device, batch size and thread count.

The method is that of J. Ballé, N. Johnston, D. Minnen, "Integer Networks for Data Compression with
Latent-Variable Models", ICLR 2019. More bits are kept, so that networks can be rounded after
training: activations have 12 fractional bits and weights 14. Integers are stored in float64, where
sums below 2⁵³ are exact in any order.
"""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from workflow_lib.codecs.learned.context import REACH, visible
from workflow_lib.codecs.learned.mixture import FINEST, parameters_per_component
from workflow_lib.codecs.learned.prior import SLOPE, Prior
from workflow_lib.codecs.learned.window import (
    LEVELS,
    LEVELS_PER_OCTAVE,
    MEAN_STEPS,
    WEIGHT_STEPS,
    Mixtures,
    Tables,
)
from workflow_lib.errors import DownlinkError

ACTIVATION_BITS = 12
WEIGHT_BITS = 14
ACTIVATION_LIMIT = 2**24
"""Activations saturate at this absolute value, up to which float32 is exact."""
LATENT_LIMIT = 2**17
"""Largest absolute value of a latent."""
_GAIN_BITS = 20
_ONE = 2**ACTIVATION_BITS


def requantised(sums: Tensor, bits: int) -> Tensor:
    """Compute ⌊sums / 2^bits + ½⌋ and saturate; works in place on float64."""
    return sums.mul_(2.0**-bits).add_(0.5).floor_().clamp_(-ACTIVATION_LIMIT, ACTIVATION_LIMIT)


class Layer(nn.Module):
    """A convolution in integers, with the rectifier and pixel shuffle that follow it.

    Attributes:
        weight: float64 integers [in, out], with 14 fractional bits.
        bias: float64 integers [out], with 26 fractional bits.
        kernel: side of the convolution's square kernel in pixels, 1 or 3.
        rectified: whether a leaky rectifier follows.
        upscale: factor of the pixel shuffle that follows; 1 means none.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, weight: Tensor, bias: Tensor, kernel: int = 1) -> None:
        """Round weight [out, in] and bias [out] to integers."""
        super().__init__()
        self.register_buffer("weight", _integers(weight.detach().T, WEIGHT_BITS))
        self.register_buffer("bias", _integers(bias.detach(), WEIGHT_BITS + ACTIVATION_BITS))
        self.kernel, self.rectified, self.upscale = kernel, False, 1

    def require_exact(self, name: str) -> None:
        """Check that float64 represents all sums exactly.

        Raises:
            DownlinkError: a sum could exceed 2⁵³, or a weight exceeds int32.
        """
        largest = self.weight.abs().sum(0) * ACTIVATION_LIMIT + self.bias.abs()
        if not bool((largest < 2**53).all()) or self.weight.abs().max() >= 2**31:
            raise DownlinkError(f"{name}: weights are too large to be summed exactly.")

    def rows(self, rows: Tensor) -> Tensor:
        """Compute activations [row, out] from [row, in], both integers in float64."""
        sums = torch.addmm(self.bias, rows, self.weight)
        if self.rectified:
            nn.functional.leaky_relu_(sums, SLOPE)
        return requantised(sums, WEIGHT_BITS)

    def image(self, image: Tensor) -> Tensor:
        """Compute activations [batch, channel, y, x] from an image of activations.

        The input is padded with zeros so that the convolution keeps its size.
        """
        batch, _, height, width = image.shape
        columns = nn.functional.unfold(image, self.kernel, padding=self.kernel // 2)
        out = self.rows(columns.transpose(1, 2).flatten(0, 1))
        out = out.reshape(batch, height, width, -1).permute(0, 3, 1, 2)
        shuffled: Tensor = nn.functional.pixel_shuffle(out, self.upscale)
        return shuffled


def _integers(values: Tensor, bits: int) -> Tensor:
    return (values.double() * 2.0**bits).round().contiguous()


def _layers(network: nn.Module) -> Iterator[Layer]:
    """Convert a sequential network of convolutions, rectifiers and pixel shuffles to layers."""
    layer: Layer | None = None
    for module in network.modules():
        match module:
            case nn.Conv2d():
                if layer is not None:
                    yield layer
                assert module.bias is not None
                layer = Layer(module.weight.flatten(1), module.bias, module.kernel_size[0])
            case nn.LeakyReLU():
                assert layer is not None
                layer.rectified = True
            case nn.PixelShuffle():
                assert layer is not None
                layer.upscale = module.upscale_factor
    if layer is not None:
        yield layer


class IntegerPrior(nn.Module):
    """`Prior`, rounded to integers.

    Activations are integers in units of 2⁻¹². `Mixtures` are integers too.
    """

    to_activation: Tensor
    to_mean: Tensor
    level_offset: Tensor
    hyper_parameters: Tensor

    def __init__(self, prior: Prior, spread: Tensor) -> None:
        super().__init__()
        self.sizes = prior.sizes
        self.tables = Tables()
        self.hyper_layers = nn.ModuleList(_layers(prior.hyper_synthesis))
        self.layers = nn.ModuleList(_layers(prior.parameters_network))
        self.context: Layer | None = None
        if prior.context is not None:
            inside = prior.context.get_buffer("mask")[0, 0].bool()
            self.neighbours = inside.nonzero() - REACH
            kernel = prior.context.weight[:, :, inside].transpose(1, 2).flatten(1)
            assert prior.context.bias is not None
            self.context = Layer(kernel, prior.context.bias)
        unit = spread.flatten().double()
        gains = {
            "to_activation": _ONE / unit * 2.0**_GAIN_BITS,
            "to_mean": unit * MEAN_STEPS * 2.0 ** (_GAIN_BITS - ACTIVATION_BITS),
            "level_offset": (unit.log2() - FINEST) * LEVELS_PER_OCTAVE * _ONE,
            "hyper_parameters": prior.hyper_parameters.detach().double() * _ONE,
        }
        for name, values in gains.items():
            self.register_buffer(name, values.round())

    def state(self) -> dict[str, Tensor]:
        """Return all integers by name: weights are int32, the others int64.

        Raises:
            DownlinkError: see `require_exact`.
        """
        self.require_exact()
        return {
            name: tensor.cpu().to(torch.int32 if name.endswith(".weight") else torch.int64)
            for name, tensor in self.named_buffers()
        }

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Load the integers that `state` returned.

        Raises:
            DownlinkError: a tensor is missing, has another shape, or could make sums inexact.
        """
        for name, tensor in self.named_buffers():
            found = state.get(name)
            if found is None or found.shape != tensor.shape or found.is_floating_point():
                raise DownlinkError(f"{name}: is missing, has another shape, or is not integer.")
            tensor.copy_(found)
        self.require_exact()

    def require_exact(self) -> None:
        """Check that the tables are valid, and that all sums and products are exact.

        Raises:
            DownlinkError: a table is invalid, or a sum or product could be inexact.
        """
        self.tables.require_sane()
        for name, module in self.named_modules():
            if isinstance(module, Layer):
                module.require_exact(name)
        for name, gain, largest in (
            ("to_activation", self.to_activation, LATENT_LIMIT),
            ("to_mean", self.to_mean, ACTIVATION_LIMIT),
            ("level_offset", self.level_offset, 1),
        ):
            if not bool((gain.abs() * largest < 2**53).all()):
                raise DownlinkError(f"{name}: products would not be exact. Try a smaller λ.")

    def hyper_mixtures(self) -> Mixtures:
        """Compute the hyperlatents' mixtures, [N]; they are equal at all positions."""
        channels = self.sizes.channels
        one = torch.full_like(self.hyper_parameters[:channels], _ONE)
        offset = torch.full_like(one, -FINEST * LEVELS_PER_OCTAVE * _ONE)
        gain = one * MEAN_STEPS * 2 ** (_GAIN_BITS - 2 * ACTIVATION_BITS)
        return self._mixtures(self.hyper_parameters[None], gain, offset)

    def features(self, hyper: Tensor, height: int, width: int) -> Tensor:
        """Compute the hyperprior's features of each position, [batch, y·x, 2·M], float32 integers.

        Args:
            hyper: integers, [batch, N, ⌈y/4⌉, ⌈x/4⌉].
            height, width: y and x of the latents.
        """
        image = hyper.double() * _ONE
        for layer in self.hyper_layers:
            assert isinstance(layer, Layer)
            image = layer.image(image)
        rows: Tensor = image[:, :, :height, :width].flatten(2).transpose(1, 2)
        return rows.float()

    def grid(self, batch: int, height: int, width: int) -> "Grid":
        """Make a grid of latents of which none is known."""
        return Grid(self, batch, height, width)

    def mixtures(self, features: Tensor, around: Tensor | None) -> Mixtures:
        """Compute the mixtures of the latents at the given positions, [positions · M].

        Args:
            features: features of these positions, [positions, 2·M]; see `features`.
            around: their context, [positions, neighbours · M]; see `Grid.around`.
        """
        rows = features.double()
        if self.context is not None and around is not None:
            rows = torch.cat((rows, self.context.rows(around.double())), dim=1)
        for layer in self.layers:
            assert isinstance(layer, Layer)
            rows = layer.rows(rows)
        return self._mixtures(rows, self.to_mean, self.level_offset)

    def _mixtures(self, rows: Tensor, to_mean: Tensor, level_offset: Tensor) -> Mixtures:
        k = self.sizes.components
        split = rows.reshape(len(rows), parameters_per_component(k), k, -1)
        means = (split[:, 0] * to_mean).mul_(2.0**-_GAIN_BITS).add_(0.5).floor_()
        levels = (split[:, 1] * LEVELS_PER_OCTAVE).add_(level_offset).mul_(1 / _ONE).add_(0.5)
        levels = levels.floor_().clamp_(0, LEVELS - 1)
        if k == 1:
            weights = torch.ones_like(means)
        else:
            behind = split[:, 2].amax(1, keepdim=True) - split[:, 2]
            behind = (
                behind.mul_(WEIGHT_STEPS / _ONE).floor_().clamp_(max=len(self.tables.weights) - 1)
            )
            weights = self.tables.weights[behind.long()]
        limit = float(LATENT_LIMIT * MEAN_STEPS)
        return Mixtures(
            *(
                values.movedim(1, 0).flatten(1)
                for values in (means.clamp_(-limit, limit), levels, weights)
            )
        )


class Grid:
    """Known latents, and the context of each position."""

    def __init__(self, prior: IntegerPrior, batch: int, height: int, width: int) -> None:
        self.prior, self.size = prior, (height, width)
        device = prior.to_mean.device
        m = prior.sizes.latents
        self.latents = torch.zeros(batch, height * width, m, dtype=torch.int32, device=device)
        self.row_length = width + 2 * REACH
        self.seen = torch.zeros(batch, (height + 2 * REACH) * self.row_length, m, device=device)
        seeable = visible(prior.sizes.context, height, width)
        self.seeable = torch.from_numpy(seeable.ravel()).to(device)
        if prior.context is not None:
            near = prior.neighbours.to(device)
            self.offsets = near[:, 0] * self.row_length + near[:, 1]

    def place(self, positions: Tensor, values: Tensor) -> None:
        """Store decoded values [batch, position, M]."""
        self.latents[:, positions] = values.to(torch.int32)
        if self.prior.context is None:
            return
        seeable = self.seeable[positions]
        scaled = values[:, seeable].double() * self.prior.to_activation
        self.seen[:, self._inner(positions[seeable])] = requantised(scaled, _GAIN_BITS).float()

    def around(self, positions: Tensor) -> Tensor | None:
        """Collect the context, [batch · position, neighbours · M]; None without context model."""
        if self.prior.context is None:
            return None
        near = self._inner(positions)[:, None] + self.offsets
        found: Tensor = self.seen[:, near]
        return found.flatten(2).flatten(0, 1)

    def _inner(self, positions: Tensor) -> Tensor:
        rows, cols = positions // self.size[1], positions % self.size[1]
        return (rows + REACH) * self.row_length + cols + REACH

    def image(self) -> Tensor:
        """Return all latents, float32 [batch, M, y, x]."""
        batch, _, channels = self.latents.shape
        return self.latents.transpose(1, 2).reshape(batch, channels, *self.size).float()
