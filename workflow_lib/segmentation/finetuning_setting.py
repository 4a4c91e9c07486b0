"""The starting point of joint fine-tuning and its control: weights, tiles, configuration."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import nn

from workflow_lib.codecs.learned.codec import open_codec
from workflow_lib.codecs.learned.model import LearnedModel
from workflow_lib.codecs.learned.options import LearnedOptions
from workflow_lib.config.finetuning import Finetuning
from workflow_lib.config.segmenters import Segmenter
from workflow_lib.data.tiles import Tiles
from workflow_lib.errors import DownlinkError
from workflow_lib.files import sha256
from workflow_lib.segmentation.labels import require_both_classes
from workflow_lib.segmentation.predict import opened
from workflow_lib.segmentation.unet import UNet


class Pair(nn.Module):
    """A codec and the segmenter that maps its reconstructions."""

    def __init__(self, codec: LearnedModel, segmenter: UNet) -> None:
        super().__init__()
        self.codec, self.segmenter = codec, segmenter


@dataclass(frozen=True)
class Setting:
    """Inputs of fine-tuning.

    Attributes:
        tiles: all tiles of the dataset's scenes; only "train" and "validation" are used.
        codec: the codec's configuration.
        codec_weights: the codec's weights at `lam`. They may come from another dataset with the
            same bands.
        segmenter: the segmenter's configuration.
        segmenter_weights: the segmenter's weights.
        finetuning: grid of γ and training schedule.
        lam: weight λ of the distortion.
        seed: seed of all random draws.
        run: folder of the configurations' checkpoints and logs.
        device: device of the networks.
    """

    tiles: Tiles
    codec: LearnedOptions
    codec_weights: Path
    segmenter: Segmenter
    segmenter_weights: Path
    finetuning: Finetuning
    lam: float
    seed: int
    run: Path
    device: torch.device | str = "cpu"

    def seed_of(self, number: int) -> int:
        """Derive a configuration's seed; `joint` and `control` share it to draw the same crops."""
        return int(np.random.SeedSequence((self.seed, number)).generate_state(1)[0])

    @cached_property
    def identity(self) -> str:
        """Text that identifies networks, data and λ, to recognise checkpoints."""
        parts = [self.codec.canonical(), self.segmenter.canonical(), self.finetuning.canonical()]
        parts += [sha256(self.codec_weights), sha256(self.segmenter_weights)]
        return " ".join([*parts, repr(self.lam), self.tiles.digest()])

    def start(self) -> Pair:
        """Load the separately trained codec and segmenter.

        Raises:
            DownlinkError: a file is missing or damaged, or has another architecture or other bands.
        """
        codec = open_codec(self.codec, self.tiles.info, self.codec_weights)
        segmenter = opened(self.segmenter_weights, len(self.tiles.info.bands))
        wanted = self.segmenter
        if segmenter.shape["encoder"] != wanted.encoder or segmenter.shape["decoder_channels"] != [
            *wanted.decoder_channels
        ]:
            raise DownlinkError(
                f"{self.segmenter_weights}: this segmenter has {segmenter.shape}, but "
                f"{wanted.encoder} and {wanted.decoder_channels} are configured. Train it again, "
                "or pass its own weights."
            )
        return Pair(codec.model, segmenter).eval().to(self.device)

    def require_usable(self) -> None:
        """Check that tiles and crops can be used for fine-tuning.

        Raises:
            DownlinkError: training or validation tiles lack a class, or crops exceed the tiles.
        """
        require_both_classes(self.tiles, "train", "validation")
        crop, side = self.finetuning.training.crop, min(self.tiles.image.shape[2:])
        if crop > side:
            raise DownlinkError(
                f"{self.tiles.info.dataset}: crops of {crop} px do not fit into tiles of {side} "
                "px. Lower finetuning.training.crop."
            )
