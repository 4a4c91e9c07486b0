"""Compare the learned codec with its transforms alone, with CompressAI, and with its entropy.

The candidates take turns in one run; the output shows the minima. The comparisons are:
`dgml` with K = 3 against its analysis and synthesis transforms alone, a lower bound of time;
`dgml` with K = 1 against CompressAI's compress and decompress, with the same weights;
bytes against cross-entropy;
and, after a short training, bits of the integer prior against bits of the trained prior.
"""

import argparse
import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from workflow_lib import torchinit

torchinit.prepare(1)

import numpy as np  # noqa: E402
import torch  # noqa: E402
from compressai.models import JointAutoregressiveHierarchicalPriors  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from scipy.ndimage import gaussian_filter  # noqa: E402
from tabulate import tabulate  # noqa: E402
from timing import minima  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from workflow_lib.codecs.kinds.dgml import Dgml  # noqa: E402
from workflow_lib.codecs.learned.codec import LearnedCodec  # noqa: E402
from workflow_lib.codecs.learned.context import Context  # noqa: E402
from workflow_lib.codecs.learned.determinism import each_alone  # noqa: E402
from workflow_lib.codecs.learned.fit import CodecTask  # noqa: E402
from workflow_lib.codecs.learned.model import LearnedModel  # noqa: E402
from workflow_lib.codecs.learned.prior import Architecture  # noqa: E402
from workflow_lib.config.schedule import TrainingSchedule  # noqa: E402
from workflow_lib.data.info import TileInfo  # noqa: E402
from workflow_lib.data.store import read_tiles  # noqa: E402
from workflow_lib.data.tiles import Tiles  # noqa: E402
from workflow_lib.training.loop import train  # noqa: E402

LATENTS = 128
LAMBDA = 0.05
_AT_ONCE = 8
"""Batch size of the transforms alone and of CompressAI; 64 is slower, see `codec.py`."""


class Rival(JointAutoregressiveHierarchicalPriors):  # type: ignore[misc]
    """CompressAI's model and coding with the modules and weights of this project's model, K = 1."""

    def __init__(self, ours: LearnedModel) -> None:
        super().__init__(ours.sizes.channels, ours.sizes.latents)
        spread = ours.spread
        self.g_a, self.g_s = ours.analysis, _Applied(ours.synthesise)
        self.h_a = nn.Sequential(_Applied(lambda y: y / spread), ours.hyper_analysis)
        self.h_s = ours.prior.hyper_synthesis
        self.context_prediction.load_state_dict(ours.prior.context.state_dict())
        self.context_prediction.weight.data /= spread.flatten()[None, :, None, None]
        self.entropy_parameters = nn.Sequential(
            ours.prior.parameters_network, _Applied(lambda p: _scales_and_means(p, spread))
        )
        self.update(force=True)
        self.eval()


class _Applied(nn.Module):
    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.forward = function


def _scales_and_means(parameters: Tensor, spread: Tensor) -> Tensor:
    """Convert the prior's output to CompressAI's order: scales, then means."""
    means, log_scales = parameters.chunk(2, 1)
    return torch.cat((log_scales.exp2() * spread, means * spread), dim=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, help="tile store to code, by default generated tiles")
    parser.add_argument("--tiles", type=int, default=64, help="tiles of 128 × 128 pixels")
    parser.add_argument("--channels", type=int, nargs="+", default=[64, 128], help="values of N")
    parser.add_argument("--threads", type=int, default=2, help="threads of torch")
    parser.add_argument("--repeats", type=int, default=3, help="repetitions")
    parser.add_argument("--steps", type=int, default=40, help="training steps before rounding")
    args = parser.parse_args()
    tiles = _generated(args.tiles) if args.store is None else read_tiles([args.store])
    tiles = _first(tiles, args.tiles)
    torch.set_num_threads(args.threads)
    rounding = _rounding(tiles, args.steps)
    figures: dict[str, float] = {}
    for channels in args.channels:
        figures = _measured(tiles, channels, args.repeats)
        print(json.dumps({"channels": channels} | _rounded(figures)))
    figures |= {"bits_integer_over_float": rounding, "threads": args.threads}
    print(json.dumps(_rounded(figures)))


def _rounded(figures: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in figures.items()}


@torch.inference_mode()
def _measured(tiles: Tiles, channels: int, repeats: int) -> dict[str, float]:
    images = list(tiles.image)
    bands = images[0].shape[0]
    three, one = (
        LearnedCodec(_started(tiles, Architecture(bands, channels, LATENTS, k, Context.SERIAL)))
        for k in (3, 1)
    )
    rival = Rival(one.model)
    batch = three.model.normalise(torch.from_numpy(np.stack(images).astype(np.float32)))
    latents, _ = three.latents(images)
    shapes = [image.shape for image in images]
    coded = {codec: _payloads(codec, images) for codec in (three, one)}
    parts = batch.split(_AT_ONCE)
    theirs = [rival.compress(part) for part in parts]

    seconds = minima(
        {
            "analysis transform": lambda: [three.model.analysis(part) for part in parts],
            "analysis, side by side": lambda: each_alone(
                lambda part: _without_gradients(three.model.analysis, part), parts
            ),
            "encode, K = 3": lambda: _payloads(three, images),
            "encode, K = 1": lambda: _payloads(one, images),
            "compress, CompressAI": lambda: [rival.compress(part) for part in parts],
            "synthesis transform": lambda: [
                three.model.synthesise(part) for part in latents.split(_AT_ONCE)
            ],
            "synthesis, tile by tile": lambda: three.synthesise(latents),
            "decode, K = 3": lambda: three.decode_batch(coded[three], shapes),
            "decode, K = 1": lambda: one.decode_batch(coded[one], shapes),
            "decompress, CompressAI": lambda: [
                rival.decompress(part["strings"], part["shape"]) for part in theirs
            ],
        },
        repeats,
    )
    analysis = min(seconds["analysis transform"], seconds["analysis, side by side"])
    synthesis = min(seconds["synthesis transform"], seconds["synthesis, tile by tile"])
    entropy = sum(three.cross_entropy(images))
    spent = 8 * sum(len(payload) for payload, _ in coded[three])
    print(f"N = {channels}, M = {LATENTS}, {len(images)} tiles of {images[0].shape}")
    print(tabulate(seconds.items(), ("what", "seconds"), floatfmt=".2f"))
    print(f"{spent / 8:.0f} bytes, cross-entropy {entropy / 8:.0f}, of {len(images)} streams\n")
    return {
        "encode_over_bound": seconds["encode, K = 3"] / analysis,
        "decode_over_bound": seconds["decode, K = 3"] / synthesis,
        "encode_speedup": seconds["compress, CompressAI"] / seconds["encode, K = 1"],
        "decode_speedup": seconds["decompress, CompressAI"] / seconds["decode, K = 1"],
        "bits_over_entropy": spent / entropy,
    }


def _without_gradients(transform: Callable[[Tensor], Tensor], whole: Tensor) -> Tensor:
    with torch.inference_mode():  # threads do not inherit this mode
        return transform(whole)


def _payloads(codec: LearnedCodec, images: list[NDArray[np.uint16]]) -> list[tuple[bytes, bytes]]:
    coded = codec.encode_batch(images, [None] * len(images))
    return [(each.payload, b"") for each in coded]


def _started(tiles: Tiles, sizes: Architecture) -> LearnedModel:
    """Make a model that starts from the tiles' KLT, with a prior that is not flat."""
    torch.manual_seed(0)
    task = _task(tiles, LearnedModel(sizes))
    task.start_from_klt()
    last = task.model.prior.parameters_network[-1]
    nn.init.normal_(last.weight, std=0.003)
    return task.model.eval()


def _task(tiles: Tiles, model: LearnedModel, steps: int = 1) -> CodecTask:
    plan = TrainingSchedule(steps=steps, batch=8, crop=64, learning_rate=5e-4, validate_every=steps)
    sizes = {"channels": model.sizes.channels, "latents": model.sizes.latents}
    return CodecTask(model, tiles, Dgml(kind="dgml", training=plan, **sizes), LAMBDA)


def _rounding(tiles: Tiles, steps: int) -> float:
    """Return the ratio of bits under the integer prior to bits under the trained prior."""
    bands = tiles.image.shape[1]
    torch.manual_seed(0)
    task = _task(tiles, LearnedModel(Architecture(bands, 32, 256, 3, Context.SERIAL)), steps)
    task.start_from_klt()
    with tempfile.TemporaryDirectory() as folder:
        train(task, task.config.training, 0, Path(folder))
    images = list(tiles.where("validation").image)
    batch = task.model.normalise(torch.from_numpy(np.stack(images).astype(np.float32)))
    with torch.inference_mode():
        floating = task.model(batch).bits.item()
        integer = sum(LearnedCodec(task.model).cross_entropy(images))
    print(
        f"after {steps} steps: {integer / 8:.0f} bytes in integers, {floating / 8:.0f} as trained"
    )
    return integer / floating


def _first(tiles: Tiles, count: int) -> Tiles:
    chosen = replace(tiles, split=np.where(np.arange(len(tiles)) < count, "train", "left"))
    some = chosen.where("train")
    quarter = np.arange(len(some)) % 4 == 0
    return replace(some, split=np.where(quarter, "validation", "train"))


def _generated(count: int) -> Tiles:
    """Generate textured tiles of ten correlated bands."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(count, 10, 128, 128))
    fields = sum(gaussian_filter(noise, (0, 1.5, s, s)) * 30 * s for s in (1, 3, 9))
    image = (3000 + 400 * fields + rng.normal(0, 20, noise.shape)).clip(1, 65535).astype(np.uint16)
    number = np.arange(count, dtype=np.int32)
    info = TileInfo(
        dataset="generated",
        bands=tuple(f"B{band}" for band in range(10)),
        wavelengths_um=(1.0,) * 10,
        native_fraction=(1.0,) * 10,
        scale=1e-4,
        offset=0.0,
        unit="1",
        data_range=10000,
    )
    label = np.zeros((count, 128, 128), np.uint8)
    return Tiles(
        image=image,
        label=label,
        scene=np.full(count, "scene"),
        row=number,
        col=number * 0,
        block=number,
        fold=number * 0,
        validation=np.zeros(count, bool),
        split=np.full(count, "train"),
        info=info,
    )


if __name__ == "__main__":
    main()
