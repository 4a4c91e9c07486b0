"""Training the learned codec."""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from workflow_lib.codecs.learned.codec import LearnedCodec
from workflow_lib.codecs.learned.klt_start import start_from_klt
from workflow_lib.codecs.learned.model import LearnedModel, Output, padded_to_patches
from workflow_lib.codecs.learned.prior import Architecture
from workflow_lib.codecs.learned.transforms import PATCH
from workflow_lib.codecs.mosaic import Mosaic, fill
from workflow_lib.config.codecs import Learned
from workflow_lib.data.scenes import NODATA
from workflow_lib.data.tiles import Tiles
from workflow_lib.errors import DownlinkError
from workflow_lib.training import train

PEAK = 255.0
"""MSE₂₅₅ is the squared error of counts scaled by 255 / data_range."""
_PRIOR_LEARNING_RATE = 1e-2
_VALIDATION_TILES = 64


def fit(tiles: Tiles, config: Learned, lam: float, seed: int, run: Path, weights: Path) -> None:
    """Train a codec for one λ and write what encoder and decoder need.

    Loss = R + λ·MSE₂₅₅, R in bits per pixel and band. Missing pixels do not count.

    Args:
        tiles: trained on their split "train", validated on "validation".
        config: sizes, start and schedule.
        lam: λ.
        seed: seed of initial weights, crops and noise.
        run: folder for checkpoint and metrics; see `train`.
        weights: the safetensors file to write.

    Raises:
        DownlinkError: no tiles to train or validate on, crops larger than tiles, or divergence.
    """
    _require_tiles(tiles, config)
    torch.manual_seed(seed)
    sizes = Architecture.configured(config, tiles.image.shape[1])
    task = CodecTask(LearnedModel(sizes), tiles, config, lam)
    if config.init == "klt":
        task.start_from_klt()
    train(task, config.training, seed, run, f"{config.canonical()} {lam} {tiles.digest()}")
    metadata = {
        "lambda": repr(lam),
        "data_range": repr(tiles.info.data_range),
        "dataset": tiles.info.dataset,
        "band_names": ",".join(tiles.info.bands),
    }
    LearnedCodec(task.model, len(tiles.where("train"))).save(weights, metadata)


def _require_tiles(tiles: Tiles, config: Learned) -> None:
    for split in ("train", "validation"):
        if not len(tiles.where(split)):
            raise DownlinkError(
                f"{tiles.info.dataset}: no {split} tiles to fit the learned codec. Give more "
                "scenes, smaller tiles or blocks, or another salt in tiling.folds."
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


@dataclass(frozen=True)
class _Examples:
    """Normalised images [tile, band, y, x] and where they count [tile, 1, y, x], float32."""

    image: Tensor
    valid: Tensor

    def __len__(self) -> int:
        return len(self.image)

    def crops(self, count: int, side: int, generator: torch.Generator) -> "_Examples":
        """Random crops in random orientations."""

        def draw(bound: int) -> list[int]:
            return torch.randint(bound, (count,), generator=generator).tolist()

        height, width = self.image.shape[2:]
        places = zip(
            draw(len(self)), draw(height - side + 1), draw(width - side + 1), draw(8), strict=True
        )
        cut = [
            [
                _turned(of[tile, :, y : y + side, x : x + side], orientation)
                for of in (self.image, self.valid)
            ]
            for tile, y, x, orientation in places
        ]
        return _Examples(*(torch.stack(parts) for parts in zip(*cut, strict=True)))

    def aligned(self) -> "_Examples":
        """Padded to whole patches; the padding does not count."""
        height, width = self.image.shape[2:]
        border = (0, -width % PATCH, 0, -height % PATCH)
        return _Examples(padded_to_patches(self.image), nn.functional.pad(self.valid, border))


def _turned(image: Tensor, orientation: int) -> Tensor:
    turned = torch.rot90(image, orientation % 4, dims=(1, 2))
    return turned.flip(1) if orientation >= 4 else turned


class CodecTask:
    """A learned codec's losses on the tiles of one dataset."""

    def __init__(self, model: LearnedModel, tiles: Tiles, config: Learned, lam: float) -> None:
        self.model, self.config, self.lam = model, config, lam
        training, validation = tiles.where("train"), tiles.where("validation")
        offset, gain = (torch.from_numpy(a)[:, None, None] for a in training.moments())
        model.offset.copy_(offset)
        model.gain.copy_(gain)
        self.weights = gain * PEAK / tiles.info.data_range
        self.training = self._examples(training)
        self.validation = _as_one_image(validation)
        self.data_range = tiles.info.data_range

    def _examples(self, tiles: Tiles) -> _Examples:
        valid = torch.from_numpy(tiles.valid)[:, None]
        counts = np.stack([fill(image) for image in tiles.image]).astype(np.float32)
        return _Examples(self.model.normalise(torch.from_numpy(counts)), valid.float())

    def start_from_klt(self) -> None:
        """Start the model from the training tiles' patch KLT."""
        start_from_klt(self.model, self.training.image, self.weights, self.lam)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Linear layers, the hyperlatents' prior, and everything else; see `Task`."""
        model = self.model
        linear = [*model.analysis.linear.parameters(), *model.synthesis.linear.parameters()]
        prior = [model.prior.hyper_parameters]
        apart = {id(p) for p in [*linear, *prior]}
        rest = [p for p in model.parameters() if id(p) not in apart]
        linear_group: dict[str, Any] = {"params": linear}
        if self.config.init == "klt":
            linear_group["lr"] = self.config.klt_learning_rate
        return [{"params": rest}, linear_group, {"params": prior, "lr": _PRIOR_LEARNING_RATE}]

    def training_losses(self, generator: torch.Generator) -> dict[str, Tensor]:
        """Losses of one step; see `Task`."""
        plan = self.config.training
        batch = self.training.crops(plan.batch, plan.crop, generator).aligned()
        bits, squares, samples = self._sums(batch)
        rate, mse = bits / samples, squares / samples
        return {"loss": rate + self.lam * mse, "rate_bpppb": rate, "mse_255": mse}

    def validation_losses(self) -> dict[str, float]:
        """Losses of the validation tiles' real bitstream; see `Task`."""
        codec, image = LearnedCodec(self.model), self.validation
        filled = fill(image)
        payload = codec.encode(filled).payload
        decoded = codec.decode(payload, b"", image.shape)
        valid = (image != NODATA).all(axis=0)
        error = (decoded[:, valid].astype(np.float64) - image[:, valid]) * PEAK / self.data_range
        rate = 8 * len(payload) / max(error.size, 1)
        mse = float(np.square(error).sum() / max(error.size, 1))
        return {"loss": rate + self.lam * mse, "rate_bpppb": rate, "mse_255": mse}

    def _sums(self, batch: _Examples) -> tuple[Tensor, Tensor, Tensor]:
        """Bits, squared errors in 255 units and counted samples of a batch."""
        output: Output = self.model(batch.image)
        error = (output.image - batch.image) * self.weights * batch.valid
        samples = batch.valid.sum().clamp_min(1) * batch.image.shape[1]
        return output.bits, error.square().sum(), samples


def _as_one_image(tiles: Tiles) -> NDArray[np.uint16]:
    """A mosaic of whole blocks, spread over all scenes, of about `_VALIDATION_TILES` tiles."""
    names = [f"{scene} {block}" for scene, block in zip(tiles.scene, tiles.block, strict=True)]
    numbers = np.unique(names, return_inverse=True)[1].astype(np.int32)
    blocks = int(numbers.max()) + 1
    share = min(1.0, _VALIDATION_TILES / len(tiles))
    taken = np.linspace(0, blocks - 1, math.ceil(share * blocks)).round()
    split = np.where(np.isin(numbers, taken), "taken", "left")
    chosen = replace(tiles, block=numbers, split=split).where("taken")
    return Mosaic.of(chosen).assemble(chosen.image)
