"""Measure the parts of training: reading tiles, drawing crops, and the network's steps.

The script writes and reads a store of generated tiles. Then it measures three rates for the U-Net
and the learned codec of config.yaml, in turns, and prints the best of each: loading batches to the
device; optimiser steps on a batch that is already there; and both together, as training runs. If
loading is faster than the steps, it does not slow down the training.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter
from tabulate import tabulate
from timing import minima

from workflow_lib import devices, torchinit
from workflow_lib.codecs.learned.options import LearnedOptions
from workflow_lib.config import study_files
from workflow_lib.config.datasets import Band
from workflow_lib.config.schedule import TrainingSchedule
from workflow_lib.config.segmenters import Segmenter
from workflow_lib.config.study import Study
from workflow_lib.data.store import Variable, read_tiles, tiles_per_shard, write_store
from workflow_lib.data.tiles import TileInfo, Tiles

SIDE = 128
_DISTINCT = 32
"""Number of generated tiles; the other tiles repeat them."""


@dataclass(frozen=True)
class Rival:
    """One network in training.

    Attributes:
        name: name of the network.
        batch: number of crops in a step.
        parts: functions by name; each runs one step of a part of the training.
    """

    name: str
    batch: int
    parts: dict[str, Callable[[], object]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiles", type=int, default=256, help="tiles of 128 × 128 pixels")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a timed run")
    parser.add_argument("--repeats", type=int, default=3, help="repetitions")
    devices.add_arguments(parser)
    args = parser.parse_args()
    torchinit.prepare(args.threads)
    device = torchinit.device(args.device)
    study = study_files.load()
    with tempfile.TemporaryDirectory() as folder:
        store = stored(Path(folder) / "scene.zarr", args.tiles, study.sensors["sentinel2"])
        reading = minima({"read": lambda: read_tiles([store])}, args.repeats)["read"]
        tiles = read_tiles([store])
    print(f"{args.tiles} tiles of {tiles.image.shape[1:]}, on {device.type}\n")
    megabytes = tiles.image.nbytes / 1e6
    print(f"reading: {args.tiles / reading:,.0f} tiles/s, {megabytes / reading:,.0f} MB/s\n")
    figures: dict[str, Any] = {
        "device": device.type,
        "threads": args.threads,
        "read_tiles_per_s": round(args.tiles / reading, 1),
    }
    table = []
    for rival in rivals(study, tiles, device):
        turns = [
            {name: rival.batch * rate(part, args.seconds) for name, part in rival.parts.items()}
            for _ in range(args.repeats)
        ]
        speed = {name: max(turn[name] for turn in turns) for name in rival.parts}
        ratio = speed["loader"] / speed["model"]
        table.append((rival.name, rival.batch, *speed.values(), ratio))
        figures |= {f"{rival.name}_{name}_per_s": round(each, 1) for name, each in speed.items()}
        figures[f"{rival.name}_loader_over_model"] = round(ratio, 2)
    heads = ("network", "batch", "loader, crops/s", "model, crops/s", "together", "loader / model")
    print(tabulate(table, heads, floatfmt=(".0f", ".0f", ",.0f", ",.0f", ",.0f", ".2f")))
    print(json.dumps(figures))


def rivals(study: Study, tiles: Tiles, device: Any) -> Iterator[Rival]:
    """Yield the U-Net and the learned codec of the study, with their own batch and crop sizes."""
    from workflow_lib.codecs.learned.fit import CodecTask
    from workflow_lib.codecs.learned.model import LearnedModel
    from workflow_lib.codecs.learned.prior import Architecture
    from workflow_lib.segmentation.train import SegmentationTask
    from workflow_lib.segmentation.unet import UNet

    segmenter, codec = study.segmenters["unet"], study.codecs["dgml"]
    assert isinstance(segmenter, Segmenter)
    assert isinstance(codec, LearnedOptions)
    unet = UNet.for_tiles(segmenter, tiles, 0)
    learned = CodecTask(
        LearnedModel(Architecture.configured(codec, tiles.image.shape[1])), tiles, codec, 0.05
    )
    tasks = {
        "unet": (SegmentationTask(unet, tiles, segmenter), segmenter.training),
        "dgml": (learned, codec.training),
    }
    for name, (task, plan) in tasks.items():
        task.model.to(device).train()
        yield rival(name, task, plan, device)


def rival(name: str, task: Any, plan: TrainingSchedule, device: Any) -> Rival:
    """Split one task's training into its parts."""
    import torch

    from workflow_lib.training.loading import Draws, loaded
    from workflow_lib.training.precision import reduced

    draws = Draws(task.batch, lambda step: torch.Generator().manual_seed(step))
    optimiser = torch.optim.Adam(task.parameter_groups(), lr=1e-6)
    endless = loaded(draws, range(10**9), device)  # workers start once, as in a training
    (ready,) = loaded(draws, range(1), device)
    precision = reduced(device)

    def step(batch: Any) -> float:
        optimiser.zero_grad(set_to_none=True)
        with precision:
            loss = task.training_losses(batch)["loss"]
        loss.backward()
        optimiser.step()
        return float(loss.item())  # waits for the device, as training does

    step(ready)  # warm up: memory allocators, choice of kernels
    parts = {
        "loader": lambda: next(endless),
        "model": lambda: step(ready),
        "together": lambda: step(next(endless)),
    }
    return Rival(name, plan.batch, parts)


def rate(part: Callable[[], object], seconds: float) -> float:
    """Measure runs per second; the number of runs far exceeds the batches that loaders prefetch."""
    started, done = time.perf_counter(), 0
    while (spent := time.perf_counter() - started) < seconds:
        part()
        done += 1
    return done / spent


def stored(target: Path, tiles: int, bands: tuple[Band, ...]) -> Path:
    """Write a store of textured tiles in which a tenth of the pixels have the positive class."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(_DISTINCT, len(bands), SIDE, SIDE))
    fields = sum(gaussian_filter(noise, (0, 1.5, s, s)) * 30 * s for s in (1, 9))
    image = (3000 + 400 * fields + 20 * noise).clip(1, 65535).astype(np.uint16)
    again = np.arange(tiles) % _DISTINCT
    number = np.arange(tiles, dtype=np.int32)
    label = (fields[:, 0] > np.quantile(fields[:, 0], 0.9)).astype(np.uint8)
    info = TileInfo(
        dataset="generated",
        bands=tuple(band.name for band in bands),
        wavelengths_um=tuple(band.wavelength_um for band in bands),
        native_fraction=(1.0,) * len(bands),
        scale=1e-4,
        offset=0.0,
        unit="1",
        data_range=10000,
    )
    variables = {
        "image": Variable(("tile", "band", "y", "x"), image[again]),
        "label": Variable(("tile", "y", "x"), label[again]),
        "row": Variable(("tile",), number),
        "col": Variable(("tile",), 0 * number),
        "block": Variable(("tile",), number),
        "fold": Variable(("tile",), 0 * number),
        "validation": Variable(("tile",), (number % 8 == 0).astype(np.uint8)),
    }
    attributes = {"scene": "generated", "info": info.canonical()}
    write_store(variables, attributes, target, tiles_per_shard(len(bands) + 1, SIDE))
    return target


if __name__ == "__main__":
    main()
