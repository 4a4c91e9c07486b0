"""Fine-tune codec and segmenter together: the regime `joint`."""

from typing import Any

import torch
from torch import Tensor, nn

from workflow_lib.codecs.learned.objective import parameter_groups
from workflow_lib.paths import rate_name
from workflow_lib.segmentation.choice import Finetuned, Tuned, decoded_by, tune_each
from workflow_lib.segmentation.finetuning_data import (
    Batch,
    FinetuningData,
    mapped,
    validation_losses,
)
from workflow_lib.segmentation.finetuning_setting import Pair, Setting
from workflow_lib.segmentation.train import masked_cross_entropy
from workflow_lib.training.loop import train


def finetune_jointly(setting: Setting, target: Finetuned) -> None:
    """Fine-tune codec and segmenter with L = R + λ·D + γ·T for each γ; write the best pair.

    R is the estimated rate in bits per pixel and band, and D is MSE₂₅₅. T is the mean binary
    cross-entropy of the map made from the reconstruction. Each run keeps the weights with the
    lowest L on the validation tiles. The run with the best IoU on decoded validation tiles is
    chosen.

    Raises:
        DownlinkError: the weights or tiles cannot be used, or training diverges.
    """

    def tune(number: int, seed: int, pair: Pair, data: FinetuningData) -> Tuned:
        gamma = setting.finetuning.gammas[number]
        name, plan = f"gamma-{rate_name(gamma)}", setting.finetuning.training
        task = JointTask(pair, data, setting, gamma)
        summary = train(task, plan, seed, setting.run / name, setting.identity)
        record = {"gamma": gamma, "seed": seed, "steps": summary.steps, "kept": summary.best_step}
        return Tuned(name, decoded_by(pair.codec, setting), record)

    tune_each(setting, "joint", tune, target)


class JointTask:
    """Training task: R + λ·D + γ·T of a codec and a segmenter."""

    model: nn.Module

    def __init__(self, pair: Pair, data: FinetuningData, setting: Setting, gamma: float) -> None:
        self.model = self._pair = pair
        self._data, self._setting, self._gamma = data, setting, gamma

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return the codec's groups, as in `fit`, and the segmenter's group; see `Task`."""
        config = self._setting.finetuning
        own = parameter_groups(self._pair.codec, self._setting.codec, config.codec_learning_rate)
        return [*own, {"params": list(self._pair.segmenter.parameters())}]

    def batch(self, generator: torch.Generator) -> Batch:
        """Draw crops for one step; see `Task`."""
        return self._data.draw(generator)

    def training_losses(self, batch: Batch) -> dict[str, Tensor]:
        """Compute the losses of one step; see `Task`."""
        examples, label = batch
        cost, logits = mapped(self._pair, examples, self._data.data_range)
        entropy = masked_cross_entropy(logits, label)
        losses = cost.losses(self._data.lam)
        loss = losses["loss"] + self._gamma * entropy
        return {**losses, "cross_entropy": entropy, "loss": loss}

    def validation_losses(self) -> dict[str, float]:
        """Compute the losses of forward passes on the validation tiles; see `Task`."""
        losses = validation_losses(self._pair, self._data)
        return {**losses, "loss": losses["loss"] + self._gamma * losses["cross_entropy"]}
