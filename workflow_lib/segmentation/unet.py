"""The segmenter's network."""

import json
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn

from workflow_lib import torchinit
from workflow_lib.config.segmenters import Segmenter
from workflow_lib.data.pixel_values import NODATA
from workflow_lib.data.tiles import Tiles
from workflow_lib.errors import DownlinkError
from workflow_lib.segmentation.unet_layers import Network
from workflow_lib.training.weights import load_weights, save_weights


class UNet(nn.Module):
    """A U-Net (Ronneberger et al. 2015, arXiv 1505.04597) that maps counts to logits.

    The input is counts, uint16 or float [tile, band, y, x], of any size. Pixels with nodata in any
    band get the mean of each band. The output is logits, float32 [tile, y, x].

    The buffers `mean` and `std` standardise the bands. A pixel is positive if its probability is at
    least the buffer `threshold`.
    """

    mean: Tensor
    std: Tensor
    threshold: Tensor

    def __init__(
        self, encoder: str, depth: int, decoder_channels: tuple[int, ...], bands: int
    ) -> None:
        super().__init__()
        self.shape = {
            "encoder": encoder,
            "depth": depth,
            "decoder_channels": list(decoder_channels),
            "bands": bands,
        }
        self.network = Network(encoder, depth, decoder_channels, bands)
        self.multiple = 2**depth
        self.register_buffer("mean", torch.zeros(bands, 1, 1))
        self.register_buffer("std", torch.ones(bands, 1, 1))
        self.register_buffer("threshold", torch.tensor(0.5))

    @classmethod
    def for_tiles(cls, config: Segmenter, tiles: Tiles, seed: int) -> Self:
        """Make a network with random weights that standardises bands by the pixels of `tiles`."""
        torchinit.seed_weights(seed)
        model = cls(config.encoder, config.depth, config.decoder_channels, len(tiles.info.bands))
        mean, std = tiles.moments()
        model.mean.copy_(torch.from_numpy(mean)[:, None, None])
        model.std.copy_(torch.from_numpy(std)[:, None, None])
        return model

    @classmethod
    def load(cls, path: Path) -> Self:
        """Load a network that `save` wrote, in evaluation mode.

        Raises:
            DownlinkError: the file is missing or damaged, or contains no segmenter.
        """
        tensors, metadata = load_weights(path)
        try:
            shape = json.loads(metadata["unet"])
            # Do not use the device "meta": it imports torch's compiler, which takes a second.
            model = cls(**{**shape, "decoder_channels": tuple(shape["decoder_channels"])})
            model.load_state_dict(tensors)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise DownlinkError(
                f"{path}: contains no segmenter of this release. Delete it and run again."
            ) from error
        return model.eval()

    def save(self, path: Path) -> None:
        """Write weights and architecture to one safetensors file."""
        save_weights(self.state_dict(), path, {"unet": json.dumps(self.shape, sort_keys=True)})

    def forward(self, counts: Tensor) -> Tensor:
        """Compute logits, float32 [tile, y, x], from counts [tile, band, y, x]."""
        x = counts.float()
        valid = (x != NODATA).all(dim=1, keepdim=True)
        x = (x - self.mean) / self.std * valid
        height, width = x.shape[-2:]
        right, below = -width % self.multiple, -height % self.multiple
        logits: Tensor = self.network(nn.functional.pad(x, (0, right, 0, below)))
        return logits[:, 0, :height, :width].float()
