"""Fine-tune a learned codec and a segmenter: together, or one after the other as the control."""

import argparse
from pathlib import Path

from workflow_lib import cli, torchinit
from workflow_lib.codecs.registry import LearnedConfig
from workflow_lib.config.finetuning import Finetuning
from workflow_lib.config.section import json_of
from workflow_lib.config.segmenters import Segmenter
from workflow_lib.data.store import read_tiles
from workflow_lib.paths import FINETUNED
from workflow_lib.training import arguments


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--regime", required=True, choices=FINETUNED)
    arguments.add_arguments(parser)
    parser.add_argument(
        "--codec", required=True, type=json_of(LearnedConfig), help="the codec, as JSON"
    )
    parser.add_argument("--codec-weights", required=True, type=Path, help="initial weights")
    parser.add_argument(
        "--segmenter", required=True, type=json_of(Segmenter), help="the segmenter, as JSON"
    )
    parser.add_argument("--segmenter-weights", required=True, type=Path, help="initial weights")
    parser.add_argument(
        "--finetuning", required=True, type=json_of(Finetuning), help="the schedule, as JSON"
    )
    parser.add_argument("--rate", required=True, type=float, help="λ")
    parser.add_argument("--codec-target", required=True, type=Path, help="weights to write")
    parser.add_argument("--segmenter-target", required=True, type=Path, help="weights to write")
    parser.add_argument(
        "--choice-target",
        required=True,
        type=Path,
        help="JSON file to write: the compared configurations",
    )
    args = parser.parse_args()
    torchinit.prepare(args.threads)
    # These modules import torch, so import them after `prepare`.
    from workflow_lib.segmentation.choice import Finetuned
    from workflow_lib.segmentation.control import finetune_apart
    from workflow_lib.segmentation.finetuning_setting import Setting
    from workflow_lib.segmentation.joint_tuning import finetune_jointly

    setting = Setting(
        tiles=read_tiles(args.tiles, args.held_out),
        codec=args.codec,
        codec_weights=args.codec_weights,
        segmenter=args.segmenter,
        segmenter_weights=args.segmenter_weights,
        finetuning=args.finetuning,
        lam=args.rate,
        seed=args.seed,
        run=args.run,
        device=torchinit.device(args.device),
    )
    target = Finetuned(args.codec_target, args.segmenter_target, args.choice_target)
    regimes = {"joint": finetune_jointly, "control": finetune_apart}
    regimes[args.regime](setting, target)


cli.run(main)
