"""Train a learned codec."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workflow_lib import torchinit
from workflow_lib.codecs.learned.codec import LearnedCodec
from workflow_lib.codecs.learned.klt_start import start_from_klt
from workflow_lib.codecs.learned.model import LearnedModel
from workflow_lib.codecs.learned.objective import PEAK, Examples, coded, parameter_groups
from workflow_lib.codecs.learned.options import PATCH, LearnedOptions
from workflow_lib.codecs.learned.prior import Architecture
from workflow_lib.codecs.mosaic import Mosaic, fill
from workflow_lib.data.info import TileInfo
from workflow_lib.data.pixel_values import NODATA
from workflow_lib.data.tiles import Tiles
from workflow_lib.errors import DownlinkError
from workflow_lib.training import checkpoints
from workflow_lib.training.crops import anywhere
from workflow_lib.training.loop import train

_VALIDATION_TILES = 64


def fit(
    tiles: Tiles,
    config: LearnedOptions,
    lam: float,
    seed: int,
    run: Path,
    weights: Path,
    device: torch.device | str = "cpu",
) -> None:
    """Train a codec for one λ and write its weights.

    The loss is R + λ·MSE₂₅₅, with R in bits per pixel and band. It leaves out missing pixels.

    Args:
        tiles: tiles of the splits "train" and "validation"; other splits are not used.
        config: sizes, initialisation and schedule.
        lam: weight λ of the distortion.
        seed: seed of initial weights, crops and noise.
        run: folder for checkpoint and metrics; see `train`.
        weights: safetensors file to write.
        device: device of the training.

    Raises:
        DownlinkError: a split has no tiles, crops exceed the tiles, or training diverges.
    """
    _require_tiles(tiles, config)
    torchinit.seed_weights(seed)
    sizes = Architecture.configured(config, tiles.image.shape[1])
    task = CodecTask(LearnedModel(sizes), tiles, config, lam)
    if config.init == "klt":
        task.start_from_klt()
    task.model.to(device)
    train(task, config.training, seed, run, f"{config.canonical()} {lam} {tiles.digest()}")
    LearnedCodec(task.model, len(tiles.where("train"))).save(weights, metadata(tiles.info, lam))
    checkpoints.forget(run)


def metadata(info: TileInfo, lam: float) -> dict[str, str]:
    """Metadata of a file of weights: λ and the training data."""
    return {
        "lambda": repr(lam),
        "data_range": repr(info.data_range),
        "dataset": info.dataset,
        "band_names": ",".join(info.bands),
    }


def _require_tiles(tiles: Tiles, config: LearnedOptions) -> None:
    for split in ("train", "validation"):
        if not len(tiles.where(split)):
            raise DownlinkError(
                f"{tiles.info.dataset}: there are no {split} tiles to train the learned codec. Use "
                "more scenes, smaller tiles or blocks, or another tiling.folds.salt."
            )
    if config.training.crop > min(tiles.image.shape[2:]):
        raise DownlinkError(
            f"{tiles.info.dataset}: crops of {config.training.crop} px do not fit into tiles of "
            f"{min(tiles.image.shape[2:])} px. Lower training.crop of the codec."
        )
    available = tiles.image.shape[1] * PATCH**2
    if config.init == "klt" and config.latents > available:
        raise DownlinkError(
            f"{tiles.info.dataset}: a KLT of {tiles.image.shape[1]} bands has {available} "
            f"coefficients, fewer than {config.latents}. Lower latents of the codec."
        )


class CodecTask:
    """Training task: a learned codec's losses on the tiles of one dataset."""

    def __init__(
        self, model: LearnedModel, tiles: Tiles, config: LearnedOptions, lam: float
    ) -> None:
        self.model, self.config, self.lam = model, config, lam
        training, validation = tiles.where("train"), tiles.where("validation")
        offset, gain = (torch.from_numpy(a)[:, None, None] for a in training.moments())
        model.offset.copy_(offset)
        model.gain.copy_(gain)
        self.training = Examples.of(training)
        self.validation = _as_one_image(validation)
        self.data_range = tiles.info.data_range

    def start_from_klt(self) -> None:
        """Initialise the model with the patch KLT of the training tiles."""
        weights = self.model.gain * PEAK / self.data_range
        image = self.model.normalise(self.training.counts.float())
        start_from_klt(self.model, image, weights, self.lam)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """See `Task`."""
        return parameter_groups(self.model, self.config, self.config.training.learning_rate)

    def batch(self, generator: torch.Generator) -> Examples:
        """Draw crops for one step; see `Task`."""
        plan = self.config.training
        crops = anywhere(self.training.counts.shape, plan.batch, plan.crop, generator)
        return self.training.at(crops)

    def training_losses(self, batch: Examples) -> dict[str, Tensor]:
        """Compute the losses of one step; see `Task`."""
        return coded(self.model, batch, self.data_range)[1].losses(self.lam)

    def validation_losses(self) -> dict[str, float]:
        """Compute the losses of the validation tiles from their real bitstream; see `Task`."""
        codec, image = LearnedCodec(self.model), self.validation
        filled = fill(image)
        payload = codec.encode(filled).payload
        decoded = codec.decode(payload, b"", image.shape)
        valid = (image != NODATA).all(axis=0)
        error = (decoded[:, valid].astype(np.float64) - image[:, valid]) * PEAK / self.data_range
        rate = 8 * len(payload) / max(error.size, 1)
        mse = float(np.square(error).sum() / max(error.size, 1))
        return {"loss": rate + self.lam * mse, "rate_bpppb": rate, "mse_255": mse}


def _as_one_image(tiles: Tiles) -> NDArray[np.uint16]:
    """Assemble whole blocks from all scenes to a mosaic of about `_VALIDATION_TILES` tiles."""
    names = [f"{scene} {block}" for scene, block in zip(tiles.scene, tiles.block, strict=True)]
    numbers = np.unique(names, return_inverse=True)[1].astype(np.int32)
    blocks = int(numbers.max()) + 1
    share = min(1.0, _VALIDATION_TILES / len(tiles))
    taken = np.linspace(0, blocks - 1, math.ceil(share * blocks)).round()
    split = np.where(np.isin(numbers, taken), "taken", "left")
    chosen = replace(tiles, block=numbers, split=split).where("taken")
    return Mosaic.of(chosen).assemble(chosen.image)
