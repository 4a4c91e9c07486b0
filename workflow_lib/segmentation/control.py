"""Fine-tune codec and segmenter one after the other: the control of the regime `joint`."""

from typing import Any

import torch
from torch import Tensor, nn

from workflow_lib.codecs.learned.model import LearnedModel
from workflow_lib.codecs.learned.objective import Cost, Examples, coded, parameter_groups
from workflow_lib.config.segmenters import Segmenter
from workflow_lib.data.tiles import Tiles
from workflow_lib.segmentation.choice import Finetuned, Tuned, decoded_by, tune_each
from workflow_lib.segmentation.finetuning_data import FinetuningData, MeanEntropy, batches
from workflow_lib.segmentation.finetuning_setting import Pair, Setting
from workflow_lib.segmentation.labels import scored_label
from workflow_lib.segmentation.train import SegmentationTask
from workflow_lib.segmentation.unet import UNet
from workflow_lib.training.loading import moved
from workflow_lib.training.loop import train


def finetune_apart(setting: Setting, target: Finetuned) -> None:
    """Fine-tune the codec with R + λ·D, then the segmenter on decoded tiles; write the best pair.

    The control compares as many configurations as there are γ. Each draws the same crops as its
    counterpart in `finetune_jointly`. Codec and segmenter are each trained for all the steps of
    the schedule.

    Raises:
        DownlinkError: the weights or tiles cannot be used, or training diverges.
    """

    def tune(number: int, seed: int, pair: Pair, data: FinetuningData) -> Tuned:
        name, plan, identity = f"draw-{number}", setting.finetuning.training, setting.identity
        run = setting.run / name
        codec_task = CodecTuningTask(pair.codec, data, setting)
        codec = train(codec_task, plan, seed, run / "codec", identity)
        decoded = decoded_by(pair.codec, setting)
        config = setting.segmenter.model_copy(update={"training": plan})
        task = SegmenterTask(pair.segmenter, decoded, config)
        segmenter = train(task, plan, seed, run / "segmenter", f"{identity} {decoded.digest()}")
        kept = [codec.best_step, segmenter.best_step]
        return Tuned(
            name, decoded, {"draw": number, "seed": seed, "steps": codec.steps, "kept": kept}
        )

    tune_each(setting, "control", tune, target)


class CodecTuningTask:
    """Training task: R + λ·D of a codec, on a segmenter's training crops."""

    model: nn.Module

    def __init__(self, codec: LearnedModel, data: FinetuningData, setting: Setting) -> None:
        self.model = self._codec = codec
        self._data, self._setting = data, setting

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return the groups that `fit` uses; see `Task`."""
        rate = self._setting.finetuning.codec_learning_rate
        return parameter_groups(self._codec, self._setting.codec, rate)

    def batch(self, generator: torch.Generator) -> Examples:
        """Draw crops for one step; see `Task`."""
        return self._data.draw(generator).examples

    def training_losses(self, batch: Examples) -> dict[str, Tensor]:
        """Compute the losses of one step; see `Task`."""
        return coded(self._codec, batch, self._data.data_range)[1].losses(self._data.lam)

    def validation_losses(self) -> dict[str, float]:
        """Compute the losses of forward passes on the validation tiles; see `Task`."""
        costs = [
            coded(self._codec, examples, self._data.data_range)[1]
            for examples, _ in self._data.validation()
        ]
        return Cost.sum(costs).figures(self._data.lam)


class SegmenterTask(SegmentationTask):
    """Training task: cross-entropy T of a segmenter on decoded tiles.

    Training keeps the weights with the lowest T, not those with the best IoU. Otherwise the control
    would select by validation IoU more often than joint training does.
    """

    def __init__(self, segmenter: UNet, decoded: Tiles, config: Segmenter) -> None:
        super().__init__(segmenter, decoded, config)
        self._decoded = decoded.where("validation")

    def validation_losses(self) -> dict[str, float]:
        """Compute T of the validation tiles; see `Task`."""
        label = torch.from_numpy(scored_label(self._decoded))
        image = torch.from_numpy(self._decoded.image)
        entropy = MeanEntropy()
        device = self._unet.mean.device
        for some in batches(len(image)):
            part, known = moved((image[some], label[some]), device)
            entropy.add(self.model(part), known)
        return {"loss": entropy.value()}
