"""Estimate the cost of a study's trainings on one GPU from a few measured steps.

For every training of the configuration, the script runs a few steps on random tiles of the same
size. It measures seconds on this device, and counts floating-point operations with torch. Hours on
a GPU follow from the operations and from a sustained speed that you give. Coding and scoring are
not included.
"""

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from workflow_lib import torchinit
from workflow_lib.codecs.learned.options import LearnedOptions
from workflow_lib.config import study_files
from workflow_lib.config.schedule import TrainingSchedule
from workflow_lib.config.segmenters import Segmenter
from workflow_lib.config.study import Study


@dataclass(frozen=True)
class Trainings:
    """Trainings of equal cost: the network, its bands, the number of trainings and of steps."""

    name: str
    model: LearnedOptions | Segmenter
    bands: int
    training: TrainingSchedule
    count: int


@dataclass(frozen=True)
class Step:
    """Measured cost of one optimiser step."""

    seconds: float
    operations: float


def trainings(study: Study) -> Iterator[Trainings]:
    """Yield all trainings of a study; a fine-tuning counts as steps of codec and segmenter."""
    for name in study.run:
        dataset = study.datasets[name]
        bands = len(dataset.bands)
        replicates = len(dataset.tiling.folds.held_out) * len(study.seeds)
        points = {
            regime: sum(len(rates) for rates in dataset.points(regime).values())
            for regime in ("retrained", "joint")
        }
        for codec in dataset.rates if study.learns_on(name) else ():
            config = study.codecs[codec]
            if isinstance(config, LearnedOptions):
                count = len(dataset.rates[codec]) * replicates
                yield Trainings(f"{name}: {codec}", config, bands, config.training, count)
        for segmenter in dataset.segmenters:
            config = study.segmenters[segmenter]
            count = (dataset.regimes.original + points["retrained"]) * replicates
            yield Trainings(f"{name}: {segmenter}", config, bands, config.training, count)
            if dataset.regimes.finetuning is None or not points["joint"]:
                continue
            plan = study.finetunings[dataset.regimes.finetuning]
            # Joint tuning steps both networks at once, the control one by one: the cost is equal.
            tuned, both = plan.training, 2 * len(plan.gammas) * replicates
            for codec, rates in dataset.points("joint").items():
                for model in (study.codecs[codec], config):
                    kind = "codec" if isinstance(model, LearnedOptions) else segmenter
                    title = f"{name}: fine-tuning, {kind}"
                    assert isinstance(model, LearnedOptions | Segmenter)
                    yield Trainings(title, model, bands, tuned, both * len(rates))


def measure(work: Trainings, device: str, steps: int) -> Step:
    """Measure the seconds of the fastest step, and the operations of one step."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    plan = work.training
    image = torch.rand(plan.batch, work.bands, plan.crop, plan.crop, device=device)
    model = build(work).to(device).train()
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-6)

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        output = model(image)
        loss = (
            output.bits + output.image.square().sum() if hasattr(output, "bits") else output.sum()
        )
        (loss / image.numel()).backward()
        optimiser.step()
        if device == "cuda":
            torch.cuda.synchronize()

    with FlopCounterMode(display=False) as counter:
        step()
    seconds = []
    for _ in range(steps):
        started = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - started)
    return Step(min(seconds), float(counter.get_total_flops()))


def build(work: Trainings) -> Any:
    """Build the network to train."""
    from workflow_lib.codecs.learned.model import LearnedModel
    from workflow_lib.codecs.learned.prior import Architecture
    from workflow_lib.segmentation.unet import UNet

    config = work.model
    if isinstance(config, LearnedOptions):
        return LearnedModel(Architecture.configured(config, work.bands))
    return UNet(config.encoder, config.depth, config.decoder_channels, work.bands)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    study_files.add_arguments(parser)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"), help="where to measure")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch")
    parser.add_argument("--steps", type=int, default=2, help="timed steps of each training")
    parser.add_argument(
        "--teraflops",
        type=float,
        default=15.0,
        help="sustained speed of the GPU, in 10¹² operations per second (default: %(default)s)",
    )
    args = parser.parse_args()
    torchinit.prepare(args.threads)
    here = gpu = 0.0
    measured: dict[tuple[str, int, str], Step] = {}
    print(f"{'training':<44}{'count':>7}{'steps':>9}{'s/step':>9}{'GFLOP':>9}{'GPU h':>9}")
    for work in trainings(study_files.load(args.study)):
        key = work.model.canonical(), work.bands, work.training.canonical()
        step = measured.get(key) or measured.setdefault(key, measure(work, args.device, args.steps))
        total = work.count * work.training.steps
        hours = total * step.operations / args.teraflops / 1e12 / 3600
        here, gpu = here + total * step.seconds / 3600, gpu + hours
        print(
            f"{work.name:<44}{work.count:>7}{work.training.steps:>9}{step.seconds:>9.2f}"
            f"{step.operations / 1e9:>9.0f}{hours:>9.1f}",
            flush=True,
        )
    print(
        f"\nall trainings: {here:,.0f} h on this {args.device}, {gpu:,.0f} h on one GPU that "
        f"sustains {args.teraflops:g} TFLOP/s; coding and scoring not counted"
    )
    print(
        json.dumps(
            {"device": args.device, "hours_here": round(here, 1), "gpu_hours": round(gpu, 1)}
        )
    )


if __name__ == "__main__":
    main()
