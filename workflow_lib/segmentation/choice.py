"""Which of the fine-tuned configurations is kept."""

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
    """The files of one arm.

    Attributes:
        codec: weights of the chosen codec, safetensors.
        segmenter: weights of the chosen segmenter, safetensors.
        choice: what was compared and what was chosen, JSON.
    """

    codec: Path
    segmenter: Path
    choice: Path


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


class Tuned(NamedTuple):
    """One configuration after its training, before its threshold is chosen.

    Attributes:
        name: e.g. "gamma-3".
        decoded: the setting's tiles as the tuned codec decodes them.
        record: what choice.json says of the training.
    """

    name: str
    decoded: Tiles
    record: dict[str, Any]


Tune = Callable[[int, int, Pair, FinetuningData], Tuned]
"""Tunes a pair in place: number of the configuration, its seed, the pair, the data."""


def tune_each(setting: Setting, regime: str, tune: Tune, target: Finetuned) -> None:
    """Tune a pair for each γ of the setting and write the best one.

    Raises:
        DownlinkError: weights or tiles that cannot be fine-tuned, or divergence.
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
    """A configuration with the threshold and the IoU of its decoded validation tiles."""
    with torch.no_grad():
        losses = validation_losses(pair, data)
    iou = choose_threshold(pair.segmenter, decoded.where("validation"))
    return Candidate(name, pair, {"name": name, **record, "validation": {"iou": iou, **losses}})


def decoded_by(codec: LearnedModel, setting: Setting) -> Tiles:
    """The tiles as the codec's bitstreams bring them back."""
    return reconstructed(setting.tiles, LearnedCodec(codec), setting.codec.unit)


def write_best(
    candidates: Iterable[Candidate],
    setting: Setting,
    data: FinetuningData,
    regime: str,
    target: Finetuned,
) -> None:
    """Write the configuration of best IoU on the validation tiles, and what it was chosen from.

    Of equally good ones the first is taken.
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
    # kept till here, so that an interrupted fine-tuning trains no configuration again
    checkpoints.forget(setting.run)


def _iou(candidate: Candidate) -> float:
    return float(candidate.record["validation"]["iou"])
