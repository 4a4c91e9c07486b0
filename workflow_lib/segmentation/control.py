"""Codec and segmenter fine-tuned one after the other: the control of the regime `joint`."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from workflow_lib.codecs.learned.model import LearnedModel
from workflow_lib.codecs.learned.objective import Cost, coded, parameter_groups
from workflow_lib.segmentation.finetuning import (
    Candidate,
    Finetuned,
    Material,
    Setting,
    decoded_by,
    judged,
    write_best,
)
from workflow_lib.segmentation.train import SegmentationTask
from workflow_lib.training import train


def finetune_apart(setting: Setting, target: Finetuned) -> None:
    """Fine-tune the codec with R + λ·D, then the segmenter on what it decodes; write the best pair.

    As many configurations are compared as there are γ, each with the crops of the one beside it in
    `finetune_jointly`. Codec and segmenter take all the steps of the schedule each.

    Raises:
        DownlinkError: weights or tiles that cannot be fine-tuned, or divergence.
    """
    setting.require_usable()
    material = Material(setting, setting.start().codec)
    write_best(_candidates(setting, material), setting, material, "control", target)


def _candidates(setting: Setting, material: Material) -> Iterator[Candidate]:
    plan, identity = setting.finetuning.training, setting.identity
    for number in range(len(setting.finetuning.gammas)):
        name, seed, pair = f"draw-{number}", setting.seed_of(number), setting.start()
        run = setting.run / name
        codec = train(CodecTask(pair.codec, material, setting), plan, seed, run / "codec", identity)
        decoded = decoded_by(pair.codec, setting)
        config = setting.segmenter.model_copy(update={"training": plan})
        task = SegmentationTask(pair.segmenter, decoded, config)
        segmenter = train(task, plan, seed, run / "segmenter", f"{identity} {decoded.digest()}")
        record = {
            "draw": number,
            "seed": seed,
            "steps": codec.steps,
            "kept": [codec.best_step, segmenter.best_step],
        }
        yield judged(name, pair, decoded, material, record)


class CodecTask:
    """R + λ·D of a codec, on the crops that a segmenter learns from."""

    model: nn.Module

    def __init__(self, codec: LearnedModel, material: Material, setting: Setting) -> None:
        self.model = self._codec = codec
        self._material, self._setting = material, setting

    def parameter_groups(self) -> list[dict[str, Any]]:
        """As in a fit; see `Task`."""
        rate = self._setting.finetuning.codec_learning_rate
        return parameter_groups(self._codec, self._setting.codec, rate)

    def training_losses(self, generator: torch.Generator) -> dict[str, Tensor]:
        """Losses of one step; see `Task`."""
        examples = self._material.draw(generator).examples
        return coded(self._codec, examples, self._material.data_range)[1].losses(self._material.lam)

    def validation_losses(self) -> dict[str, float]:
        """Losses of forward passes on the validation tiles; see `Task`."""
        cost: Cost | None = None
        for examples, _ in self._material.validation():
            own = coded(self._codec, examples, self._material.data_range)[1]
            cost = own if cost is None else cost + own
        assert cost is not None
        return {name: float(value) for name, value in cost.losses(self._material.lam).items()}
