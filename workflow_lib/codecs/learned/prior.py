"""The latents' prior in floating point, for training; `integer.py` rounds it to integers."""

from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from workflow_lib.codecs.learned.context import REACH, Context, visible
from workflow_lib.codecs.learned.layers import (
    CheckerboardMaskedConv2d,
    MaskedConv2d,
    conv3x3,
    subpel_conv3x3,
)
from workflow_lib.codecs.learned.mixture import (
    Mixture,
    parameters_per_component,
    start_parameters,
)
from workflow_lib.codecs.learned.options import MOST_COMPONENTS, LearnedOptions

HYPER_STRIDE = 4
"""Latent positions along the side of one hyperlatent position."""
SLOPE = 2**-7
"""Slope of leaky rectifiers below zero; a power of two scales integers exactly."""


@dataclass(frozen=True)
class Architecture:
    """Sizes of the network.

    Attributes:
        bands: number of bands of the image.
        channels: number N of hidden channels.
        latents: number M of latent channels.
        components: number K of Gaussians in each mixture.
        context: the context model.
    """

    bands: int
    channels: int
    latents: int
    components: int
    context: Context

    def as_dict(self) -> dict[str, str]:
        """Return the sizes by name, as text."""
        return {name: str(size) for name, size in asdict(self).items()}

    @classmethod
    def configured(cls, config: LearnedOptions, bands: int) -> "Architecture":
        """Return the sizes of a configured codec for images with this number of bands."""
        return cls(
            bands, config.channels, config.latents, config.components, Context(config.context)
        )

    @classmethod
    def of(cls, text: dict[str, str]) -> "Architecture":
        """Parse the sizes that `as_dict` returned.

        Raises:
            KeyError, ValueError: a size is missing or invalid.
        """
        names = ("bands", "channels", "latents", "components")
        sizes = {name: int(text[name]) for name in names}
        if min(sizes.values()) < 1 or sizes["components"] > MOST_COMPONENTS:
            raise ValueError(f"{sizes} are not valid sizes")
        return cls(**sizes, context=Context(text["context"]))


_MASKED: dict[Context, Callable[..., nn.Conv2d]] = {
    Context.SERIAL: MaskedConv2d,
    Context.CHECKERBOARD: CheckerboardMaskedConv2d,
}


class Prior(nn.Module):
    """Network that predicts each latent's mixture from the hyperlatents and from its context.

    Hyper synthesis and parameter network have the shapes of CompressAI's Cheng2020 models. The
    prior of the hyperlatents is one mixture per channel.
    """

    def __init__(self, sizes: Architecture) -> None:
        super().__init__()
        n, m, k = sizes.channels, sizes.latents, sizes.components
        self.sizes = sizes
        self.hyper_synthesis = nn.Sequential(
            conv3x3(n, n),
            nn.LeakyReLU(SLOPE),
            subpel_conv3x3(n, n, 2),
            nn.LeakyReLU(SLOPE),
            conv3x3(n, n * 3 // 2),
            nn.LeakyReLU(SLOPE),
            subpel_conv3x3(n * 3 // 2, n * 3 // 2, 2),
            nn.LeakyReLU(SLOPE),
            conv3x3(n * 3 // 2, 2 * m),
        )
        self.context: nn.Conv2d | None = None
        if sizes.context is not Context.NONE:
            self.context = _MASKED[sizes.context](
                m, 2 * m, kernel_size=2 * REACH + 1, padding=REACH
            )
        self.parameters_network = nn.Sequential(
            nn.Conv2d(4 * m if self.context else 2 * m, m * 10 // 3, 1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(m * 10 // 3, m * 8 // 3, 1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(m * 8 // 3, parameters_per_component(k) * k * m, 1),
        )
        self.hyper_parameters = nn.Parameter(start_parameters(k, n))
        self.start_flat()

    @torch.no_grad()
    def start_flat(self) -> None:
        """Initialise every latent's mixture to zero mean and the spread's variance."""
        last = self.parameters_network[-1]
        assert isinstance(last, nn.Conv2d)
        assert last.bias is not None
        nn.init.zeros_(last.weight)
        last.bias.copy_(start_parameters(self.sizes.components, self.sizes.latents))

    def hyper_mixture(self) -> Mixture:
        """Return the hyperlatents' mixtures, [1, K, N, 1, 1]."""
        one = torch.ones(self.sizes.channels, 1, 1, device=self.hyper_parameters.device)
        return Mixture.of(self.hyper_parameters[None, :, None, None], self.sizes.components, one)

    def forward(self, hyper: Tensor, latents: Tensor, spread: Tensor) -> Mixture:
        """Compute the latents' mixtures.

        Args:
            hyper: rounded hyperlatents, [batch, N, ⌈y/4⌉, ⌈x/4⌉].
            latents: rounded latents, [batch, M, y, x].
            spread: the unit of each channel's latents, [M, 1, 1].
        """
        height, width = latents.shape[2:]
        features = self.hyper_synthesis(hyper)[:, :, :height, :width]
        if self.context is not None:
            seen = torch.from_numpy(visible(self.sizes.context, height, width)).to(latents)
            features = torch.cat((features, self.context(latents / spread * seen)), dim=1)
        return Mixture.of(self.parameters_network(features), self.sizes.components, spread)
