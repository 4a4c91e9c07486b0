"""Analysis and synthesis: a linear patch transform plus the Cheng2020 attention transforms.

The nonlinear branches are those of Z. Cheng, H. Sun, M. Takeuchi, J. Katto, "Learned Image
Compression with Discretized Gaussian Mixture Likelihoods and Attention Modules", CVPR 2020. They
consist of CompressAI's layers, with 1×1 convolutions between N hidden channels and M latents.

The linear transforms never use bf16. Latents reach hundreds and are rounded to integers, and an
image at 50 dB differs from the original by less than bf16 resolves. The nonlinear branches may use
bf16, because their contribution is smaller.
"""

from torch import Tensor, nn

from workflow_lib.codecs.learned.layers import (
    AttentionBlock,
    ResidualBlock,
    ResidualBlockUpsample,
    ResidualBlockWithStride,
    conv1x1,
    conv3x3,
)
from workflow_lib.codecs.learned.options import PATCH
from workflow_lib.training.precision import full


class Analysis(nn.Module):
    """Transform of an image [batch, bands, y, x] to latents [batch, M, y/16, x/16]."""

    def __init__(self, bands: int, channels: int, latents: int) -> None:
        super().__init__()
        self.patches = nn.PixelUnshuffle(PATCH)
        self.linear = nn.Conv2d(bands * PATCH**2, latents, 1, bias=False)
        self.branch = nn.Sequential(
            ResidualBlockWithStride(bands, channels, stride=2),
            ResidualBlock(channels, channels),
            ResidualBlockWithStride(channels, channels, stride=2),
            AttentionBlock(channels),
            ResidualBlock(channels, channels),
            ResidualBlockWithStride(channels, channels, stride=2),
            ResidualBlock(channels, channels),
            conv3x3(channels, channels, stride=2),
            AttentionBlock(channels),
        )
        self.last = nn.Conv2d(channels, latents, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Compute latents in units of their rounding step."""
        with full(image):
            linear: Tensor = self.linear(self.patches(image))
        nonlinear: Tensor = self.last(self.branch(image))
        return linear + nonlinear


class Synthesis(nn.Module):
    """Transform of latents [batch, M, y, x] to an image [batch, bands, 16·y, 16·x]."""

    def __init__(self, bands: int, channels: int, latents: int) -> None:
        super().__init__()
        self.linear = nn.Conv2d(latents, bands * PATCH**2, 1, bias=False)
        self.patches = nn.PixelShuffle(PATCH)
        self.branch = nn.Sequential(
            conv1x1(latents, channels),
            AttentionBlock(channels),
            ResidualBlock(channels, channels),
            ResidualBlockUpsample(channels, channels, 2),
            ResidualBlock(channels, channels),
            ResidualBlockUpsample(channels, channels, 2),
            AttentionBlock(channels),
            ResidualBlock(channels, channels),
            ResidualBlockUpsample(channels, channels, 2),
            ResidualBlock(channels, channels),
        )
        self.last = nn.Conv2d(channels, bands * 4, 3, padding=1)
        self.subpixels = nn.PixelShuffle(2)

    def forward(self, latents: Tensor, normalised: Tensor) -> Tensor:
        """Compute the image; `normalised` are the latents scaled to about unit variance."""
        with full(latents):
            linear: Tensor = self.patches(self.linear(latents))
        nonlinear: Tensor = self.subpixels(self.last(self.branch(normalised)))
        return linear + nonlinear
