"""Choose the best of the fine-tuned configurations and write it."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch

from workflow_lib.codecs.learned.codec import LearnedCodec
from workflow_lib.codecs.learned.fit import metadata
from workflow_lib.codecs.learned.model import LearnedModel
from workflow_lib.codecs.learned.reconstruction import reconstructed
from workflow_lib.data.tiles import Tiles
from workflow_lib.files import atomic
from workflow_lib.segmentation.finetuning_data import FinetuningData, validation_losses
from workflow_lib.segmentation.finetuning_setting import Pair, Setting
from workflow_lib.segmentation.train import choose_threshold
from workflow_lib.training import checkpoints


@dataclass(frozen=True)
class Finetuned:
    """Output files of one regime, joint or control.

    Attributes:
        codec: weights of the chosen codec, safetensors.
        segmenter: weights of the chosen segmenter, safetensors.
        choice: the compared configurations and the chosen one, JSON.
    """

    codec: Path
    segmenter: Path
    choice: Path


@dataclass(frozen=True)
class Candidate:
    """A fine-tuned configuration.

    Attributes:
        name: name of the configuration, e.g. "gamma-3".
        pair: codec and segmenter. The segmenter's threshold is chosen on decoded validation tiles.
        record: the configuration's entry in choice.json.
    """

    name: str
    pair: Pair
    record: dict[str, Any]


class Tuned(NamedTuple):
    """A configuration after training, before its threshold is chosen.

    Attributes:
        name: name of the configuration, e.g. "gamma-3".
        decoded: the setting's tiles, coded and decoded by the tuned codec.
        record: the training's part of the entry in choice.json.
    """

    name: str
    decoded: Tiles
    record: dict[str, Any]


Tune = Callable[[int, int, Pair, FinetuningData], Tuned]
"""Function that tunes a pair in place. Arguments: configuration's number, seed, pair, data."""


def tune_each(setting: Setting, regime: str, tune: Tune, target: Finetuned) -> None:
    """Tune a pair for each γ of the setting and write the best one.

    Raises:
        DownlinkError: the weights or tiles cannot be used, or training diverges.
    """
    setting.require_usable()
    data = FinetuningData(setting)

    def candidates() -> Iterator[Candidate]:
        for number in range(len(setting.finetuning.gammas)):
            pair, seed = setting.start(), setting.seed_of(number)
            name, decoded, record = tune(number, seed, pair, data)
            yield judged(name, pair, decoded, data, record)

    write_best(candidates(), setting, data, regime, target)


def judged(
    name: str, pair: Pair, decoded: Tiles, data: FinetuningData, record: dict[str, Any]
) -> Candidate:
    """Choose the segmenter's threshold on decoded validation tiles, and record the IoU there."""
    with torch.no_grad():
        losses = validation_losses(pair, data)
    iou = choose_threshold(pair.segmenter, decoded.where("validation"))
    return Candidate(name, pair, {"name": name, **record, "validation": {"iou": iou, **losses}})


def decoded_by(codec: LearnedModel, setting: Setting) -> Tiles:
    """Encode the setting's tiles to bitstreams and decode them."""
    return reconstructed(setting.tiles, LearnedCodec(codec), setting.codec.unit)


def write_best(
    candidates: Iterable[Candidate],
    setting: Setting,
    data: FinetuningData,
    regime: str,
    target: Finetuned,
) -> None:
    """Write the configuration with the best IoU on the validation tiles, and choice.json.

    If several are equally good, the first is chosen.
    """
    start = setting.start()
    began = judged("start", start, decoded_by(start.codec, setting), data, {})
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
    # Delete checkpoints last, so that a resumed fine-tuning trains no configuration again.
    checkpoints.forget(setting.run)


def _iou(candidate: Candidate) -> float:
    return float(candidate.record["validation"]["iou"])
