"""What joint fine-tuning and its control share: the start, the crops, the choice."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from workflow_lib.codecs.learned.codec import LearnedCodec, open_codec
from workflow_lib.codecs.learned.fit import metadata
from workflow_lib.codecs.learned.model import LearnedModel
from workflow_lib.codecs.learned.objective import Cost, Examples, coded
from workflow_lib.codecs.learned.reconstruction import reconstructed
from workflow_lib.config.codecs import Learned
from workflow_lib.config.finetuning import Finetuning
from workflow_lib.config.segmentation import Segmenter
from workflow_lib.crops import stacked
from workflow_lib.data.scenes import IGNORE, NODATA
from workflow_lib.data.tiles import Tiles
from workflow_lib.errors import DownlinkError
from workflow_lib.files import atomic, sha256
from workflow_lib.segmentation.crops import Crops
from workflow_lib.segmentation.labels import require_both_classes, scored_label
from workflow_lib.segmentation.model import UNet
from workflow_lib.segmentation.predict import opened
from workflow_lib.segmentation.train import choose_threshold, masked_cross_entropy

_BATCH = 8


class Pair(nn.Module):
    """A codec and the segmenter that maps its reconstructions."""

    def __init__(self, codec: LearnedModel, segmenter: UNet) -> None:
        super().__init__()
        self.codec, self.segmenter = codec, segmenter


@dataclass(frozen=True)
class Finetuned:
    """The files of one arm.

    Attributes:
        codec: weights of the chosen codec, safetensors.
        segmenter: weights of the chosen segmenter, safetensors.
        choice: what was compared and what was chosen, JSON.
    """

    codec: Path
    segmenter: Path
    choice: Path


class Batch(NamedTuple):
    """Images as the codec takes them, and their labels, uint8 [tile, y, x]."""

    examples: Examples
    label: Tensor


@dataclass(frozen=True)
class Candidate:
    """One configuration, fine-tuned.

    Attributes:
        name: e.g. "gamma-3".
        pair: codec and segmenter, the threshold chosen on reconstructed validation tiles.
        record: what choice.json says of it.
    """

    name: str
    pair: Pair
    record: dict[str, Any]


@dataclass(frozen=True)
class Setting:
    """Everything that fine-tuning starts from.

    Attributes:
        tiles: all tiles of the dataset's scenes; "train" and "validation" are looked at.
        codec: the codec's configuration.
        codec_weights: its weights, at `lam`; perhaps another dataset's of the same bands.
        segmenter: the segmenter's configuration.
        segmenter_weights: its weights.
        finetuning: grid and schedule.
        lam: λ.
        seed: seed of all draws.
        run: folder of the configurations' checkpoints and logs.
    """

    tiles: Tiles
    codec: Learned
    codec_weights: Path
    segmenter: Segmenter
    segmenter_weights: Path
    finetuning: Finetuning
    lam: float
    seed: int
    run: Path

    def seed_of(self, number: int) -> int:
        """The seed of a configuration: the same in both arms, so that they see the same crops."""
        return int(np.random.SeedSequence((self.seed, number)).generate_state(1)[0])

    @cached_property
    def identity(self) -> str:
        """What is fine-tuned, and on what."""
        parts = [self.codec.canonical(), self.segmenter.canonical(), self.finetuning.canonical()]
        parts += [sha256(self.codec_weights), sha256(self.segmenter_weights)]
        return " ".join([*parts, repr(self.lam), self.tiles.digest()])

    def start(self) -> Pair:
        """The standalone weights.

        Raises:
            DownlinkError: a file is missing, damaged, or of another network or other bands.
        """
        codec = open_codec(self.codec, self.tiles.info, self.codec_weights)
        segmenter = opened(self.segmenter_weights, len(self.tiles.info.bands))
        wanted = self.segmenter
        if segmenter.shape["encoder"] != wanted.encoder or segmenter.shape["decoder_channels"] != [
            *wanted.decoder_channels
        ]:
            raise DownlinkError(
                f"{self.segmenter_weights}: a segmenter of {segmenter.shape}, not of "
                f"{wanted.encoder} and {wanted.decoder_channels}. Train it again, or name the "
                "weights that belong to it."
            )
        return Pair(codec.model, segmenter).eval()

    def require_usable(self) -> None:
        """Raises:
        DownlinkError: training or validation tiles lack a class, or crops do not fit into tiles.
        """
        require_both_classes(self.tiles, "train", "validation")
        crop, side = self.finetuning.training.crop, min(self.tiles.image.shape[2:])
        if crop > side:
            raise DownlinkError(
                f"{self.tiles.info.dataset}: crops of {crop} px do not fit into tiles of {side} "
                "px. Lower finetuning.training.crop."
            )


class Material:
    """Training crops and validation tiles, for codec and segmenter alike."""

    def __init__(self, setting: Setting, codec: LearnedModel) -> None:
        plan, tiles = setting.finetuning.training, setting.tiles
        training, validation = tiles.where("train"), tiles.where("validation")
        self.data_range, self.lam = tiles.info.data_range, setting.lam
        self._crops = Crops(training, plan.batch, plan.crop)
        self._training, self._label = Examples.of(training, codec), scored_label(training)
        self._validation = Batch(
            Examples.of(validation, codec), torch.from_numpy(scored_label(validation))
        )

    def draw(self, generator: torch.Generator) -> Batch:
        """Training crops, half of them with a positive pixel; see `Crops`."""
        crops = self._crops.choose(generator)
        return Batch(self._training.at(crops), stacked(self._label, crops))

    def validation(self) -> Iterator[Batch]:
        """The validation tiles."""
        examples, label = self._validation
        for some in batches(len(examples)):
            yield Batch(examples[some], label[some])


def batches(count: int) -> list[slice]:
    """Runs of so many tiles as are validated at once."""
    return [slice(first, first + _BATCH) for first in range(0, count, _BATCH)]


def seen(codec: LearnedModel, reconstruction: Tensor, examples: Examples) -> Tensor:
    """Counts [tile, band, y, x] that the segmenter sees: those a decoder may give, not rounded."""
    counts = codec.counts(reconstruction).clamp(1, 65535)
    return torch.where(examples.valid > 0, counts, float(NODATA))


def mapped(pair: Pair, examples: Examples, data_range: float) -> tuple[Cost, Tensor]:
    """What a forward pass costs, and the logits [tile, y, x] of the map made from it."""
    image, cost = coded(pair.codec, examples, data_range)
    return cost, pair.segmenter(seen(pair.codec, image, examples))


class MeanEntropy:
    """T over batches: mean binary cross-entropy of the labelled pixels of all of them."""

    def __init__(self) -> None:
        self._total, self._pixels = 0.0, 0

    def add(self, logits: Tensor, label: Tensor) -> None:
        """Count a batch; see `masked_cross_entropy`."""
        labelled = int((label != IGNORE).sum())
        self._total += float(masked_cross_entropy(logits, label)) * labelled
        self._pixels += labelled

    def value(self) -> float:
        """In nats per labelled pixel."""
        return self._total / max(self._pixels, 1)


def validation_losses(pair: Pair, material: Material) -> dict[str, float]:
    """R + λ·D as "loss", its parts, and "cross_entropy" T of all validation tiles."""
    costs, entropy = [], MeanEntropy()
    for examples, label in material.validation():
        cost, logits = mapped(pair, examples, material.data_range)
        costs.append(cost)
        entropy.add(logits, label)
    return {**Cost.sum(costs).figures(material.lam), "cross_entropy": entropy.value()}


def judged(
    name: str, pair: Pair, decoded: Tiles, material: Material, record: dict[str, Any]
) -> Candidate:
    """A configuration with the threshold and the IoU of its decoded validation tiles."""
    with torch.no_grad():
        losses = validation_losses(pair, material)
    iou = choose_threshold(pair.segmenter, decoded.where("validation"))
    return Candidate(name, pair, {"name": name, **record, "validation": {"iou": iou, **losses}})


def decoded_by(codec: LearnedModel, setting: Setting) -> Tiles:
    """The tiles as the codec's bitstreams bring them back."""
    return reconstructed(setting.tiles, LearnedCodec(codec), setting.codec.unit)


def write_best(
    candidates: Iterable[Candidate],
    setting: Setting,
    material: Material,
    regime: str,
    target: Finetuned,
) -> None:
    """Write the configuration of best IoU on the validation tiles, and what it was chosen from.

    Of equally good ones the first is taken.
    """
    start = setting.start()
    began = judged("start", start, decoded_by(start.codec, setting), material, {})
    best: Candidate | None = None
    records = []
    for candidate in candidates:
        records.append(candidate.record)
        if best is None or _iou(candidate) > _iou(best):
            best = candidate
    assert best is not None
    tiles = setting.tiles
    codec = LearnedCodec(best.pair.codec, len(tiles.where("train")))
    codec.save(target.codec, metadata(tiles.info, setting.lam))
    best.pair.segmenter.save(target.segmenter)
    choice = {
        "regime": regime,
        "lambda": setting.lam,
        "seed": setting.seed,
        "start": began.record["validation"],
        "chosen": best.name,
        "configurations": records,
    }
    with atomic(target.choice) as draft:
        draft.write_text(json.dumps(choice, indent=2) + "\n", encoding="utf-8")


def _iou(candidate: Candidate) -> float:
    return float(candidate.record["validation"]["iou"])
