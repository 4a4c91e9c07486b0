"""Training crops and validation tiles for fine-tuning, and the losses of a pair on them."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from workflow_lib.codecs.learned.model import LearnedModel
from workflow_lib.codecs.learned.objective import Cost, Examples, coded
from workflow_lib.data.pixel_values import IGNORE, NODATA
from workflow_lib.segmentation.finetuning_setting import Pair, Setting
from workflow_lib.segmentation.labelled_crops import Crops
from workflow_lib.segmentation.labels import scored_label
from workflow_lib.segmentation.train import masked_cross_entropy
from workflow_lib.training.crops import stacked
from workflow_lib.training.loading import moved

_BATCH = 8


class Batch(NamedTuple):
    """Images to encode, and their labels, uint8 [tile, y, x]."""

    examples: Examples
    label: Tensor


class FinetuningData:
    """Training crops and validation tiles for both codec and segmenter."""

    def __init__(self, setting: Setting) -> None:
        plan, tiles = setting.finetuning.training, setting.tiles
        training, validation = tiles.where("train"), tiles.where("validation")
        self.data_range, self.lam = tiles.info.data_range, setting.lam
        self._crops = Crops(training, plan.batch, plan.crop)
        self._training, self._label = Examples.of(training), scored_label(training)
        self._validation = Batch(
            Examples.of(validation), torch.from_numpy(scored_label(validation))
        )
        self._device = setting.device

    def draw(self, generator: torch.Generator) -> Batch:
        """Draw training crops, half of them with a positive pixel; see `Crops`."""
        crops = self._crops.choose(generator)
        return Batch(self._training.at(crops), stacked(self._label, crops))

    def validation(self) -> Iterator[Batch]:
        """Yield the validation tiles in batches, on the networks' device."""
        examples, label = self._validation
        for some in batches(len(label)):
            yield moved(Batch(examples.some(some), label[some]), self._device)


def batches(count: int) -> list[slice]:
    """Divide `count` tiles into the batches of validation."""
    return [slice(first, first + _BATCH) for first in range(0, count, _BATCH)]


def seen(codec: LearnedModel, reconstruction: Tensor, examples: Examples) -> Tensor:
    """Return the segmenter's input: counts within a decoder's range, not rounded.

    Returns:
        Counts, float32 [tile, band, y, x]; invalid pixels are nodata.
    """
    counts = codec.counts(reconstruction).clamp(1, 65535)
    return torch.where(examples.valid, counts, float(NODATA))


def mapped(pair: Pair, examples: Examples, data_range: float) -> tuple[Cost, Tensor]:
    """Run codec and segmenter; return the codec's cost and the map's logits [tile, y, x]."""
    image, cost = coded(pair.codec, examples, data_range)
    return cost, pair.segmenter(seen(pair.codec, image, examples))


class MeanEntropy:
    """Mean binary cross-entropy T of the labelled pixels of several batches."""

    def __init__(self) -> None:
        self._total, self._pixels = 0.0, 0

    def add(self, logits: Tensor, label: Tensor) -> None:
        """Add a batch; see `masked_cross_entropy`."""
        labelled = int((label != IGNORE).sum())
        self._total += float(masked_cross_entropy(logits, label)) * labelled
        self._pixels += labelled

    def value(self) -> float:
        """Return the mean, in nats per labelled pixel."""
        return self._total / max(self._pixels, 1)


def validation_losses(pair: Pair, data: FinetuningData) -> dict[str, float]:
    """Compute "loss" R + λ·D, its parts, and "cross_entropy" T of all validation tiles."""
    costs, entropy = [], MeanEntropy()
    for examples, label in data.validation():
        cost, logits = mapped(pair, examples, data.data_range)
        costs.append(cost)
        entropy.add(logits, label)
    return {**Cost.sum(costs).figures(data.lam), "cross_entropy": entropy.value()}
