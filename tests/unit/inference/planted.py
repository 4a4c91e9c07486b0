"""Generate studies with a known truth: a configuration and its table of metrics."""

from dataclasses import dataclass, field

import numpy as np

from workflow_lib.config.study import validate
from workflow_lib.data.info import TileInfo
from workflow_lib.data.tiles import Tiles
from workflow_lib.inference.judge import judge
from workflow_lib.inference.points import BASELINE, ORIGINAL, fine_tuned, mapped, standalone
from workflow_lib.measure import table as tables
from workflow_lib.measure.rows import Key

TILE = 16
POSITIVES = 10_000
"""Positive pixels of a tile with positives; without false positives IoU = Σtp / Σpositives."""
RATES = {"0.025": 0.025, "0.05": 0.05, "0.1": 0.1, "0.2": 0.2, "0.4": 0.4, "0.8": 0.8}
RATES |= {"lossless": 6.0}
_TRAINING = {"steps": 1, "batch": 2, "crop": 16, "learning_rate": 1e-3}
_LEARNED = {"channels": 8, "latents": 8, "training": _TRAINING}
LOSSY = [0.05, 0.1, 0.2, 0.4]
INFO = TileInfo(
    dataset="toy",
    bands=("B0",),
    wavelengths_um=(1.0,),
    native_fraction=(1.0,),
    scale=0.01,
    offset=0.0,
    unit="K",
    data_range=10000,
)
OPTICAL = {"bands": 2, "unit": "1"}


def dataset(bands=1, unit="K", **changes):
    """Configuration of one dataset."""
    return {
        "title": "toy",
        "caption": "made up",
        "credit": "nobody",
        "source": {"recipe": "generated", "side": 64, "seed": 0},
        "quantity": {"name": "q", "unit": unit, "scale": 0.01, "data_range": 10000},
        "sensor": "toy",
        "pixel_m": 10,
        "bands": [f"B{n}" for n in range(bands)],
        "tiling": {"tile": TILE, "folds": {"block_tiles": 1, "salt": "0"}},
        "rates": {"jpeg2000": [*LOSSY, "lossless"], "dgml": LOSSY},
        "segmenters": ["unet"],
    } | changes


def study(seeds=(0,), statistics=None, **datasets):
    """Configuration of a study, from datasets made by `dataset`."""
    joint = {"gammas": [1.0], "codec_learning_rate": 1e-4, "training": _TRAINING}
    return validate(
        {
            "name": "planted",
            "seeds": list(seeds),
            "results": "results",
            "run": list(datasets),
            "archives": {},
            "sensors": {
                "toy": [
                    {"name": f"B{n}", "wavelength_um": 1.0, "native_pixel_m": 10} for n in range(3)
                ]
            },
            "datasets": {
                name: found | {"regimes": {"finetuning": "short"} | found.get("regimes", {})}
                for name, found in datasets.items()
            },
            "codecs": {
                "jpeg2000": {"kind": "jpeg2000"},
                "klt-jpeg2000": {"kind": "klt-jpeg2000"},
                "jpegxl": {"kind": "jpegxl"},
                "dgml": {"kind": "dgml", **_LEARNED},
                "hyperprior": {"kind": "hyperprior", **_LEARNED},
            },
            "segmenters": {"unet": {"encoder": "mobilenet_v2", "training": _TRAINING}},
            "finetunings": {"short": joint},
            "statistics": {"resamples": 400} | (statistics or {}),
        }
    )


def saturating(point):
    """IoU that approaches 0.7 with rising rate."""
    return 0.7 - 0.004 / RATES[point.rate]


@dataclass(frozen=True)
class Truth:
    """True figures of a generated study.

    Attributes:
        iou: IoU of a point's maps.
        ceiling, baseline: IoU on originals and of the threshold baseline.
        psnr: PSNR of a coded point in dB.
        bpppb: actual rate of a coded point.
        blocks, positive: number of scored blocks, of one tile each, and of those with positives.
        noise: standard deviation of a block's recall, independent between points.
        between_seeds: standard deviation of IoU between trainings.
        correlation_px: correlation length of the labels.
        rate_noise: relative standard deviation of a learned codec's rate between trainings.
        folds: folds that the blocks are assigned to.
        scenes: number of scenes that hold the blocks.
    """

    iou: object = saturating
    ceiling: float = 0.7
    baseline: float = 0.2
    psnr: object = field(default=lambda point: 60 + 5 * np.log2(RATES[point.rate]))
    bpppb: object = field(default=lambda point: RATES[point.rate])
    blocks: int = 40
    positive: int = 30
    noise: float = 0.01
    between_seeds: float = 0.002
    correlation_px: float = 10.0
    rate_noise: float = 0.01
    folds: tuple = (1,)
    scenes: int = 2


def table(study, name, truth, draw=0):
    """Generate the tidy table of one dataset from its true figures."""
    return tables.join(_rows(study, name, truth, np.random.default_rng(draw)))


def _rows(study, name, truth, rng):
    found = study.datasets[name]
    fold = np.array(truth.folds)[np.arange(truth.blocks) % len(truth.folds)]
    parts = [(k, np.flatnonzero(fold == k)) for k in truth.folds]
    tiles = _tiles(truth.blocks, truth.scenes)
    common = rng.normal(0, 0.08, truth.blocks)
    common -= common[: max(truth.positive, 1)].mean()
    original = None
    for point in (BASELINE, *([ORIGINAL] if found.regimes.original else []), *mapped(found)):
        seeds = [None] if point == BASELINE else list(study.seeds)
        share = _shares(point, truth, common, rng, len(seeds))
        if point == ORIGINAL:
            original = share
        if (point.rate, point.regime) == ("lossless", "frozen"):
            share = original
        for seed, of_seed in zip(seeds, share, strict=True):
            key = _key(name, point, "" if point == BASELINE else "unet", seed)
            counts = _counts(of_seed, truth.positive)
            for k, chosen in parts:
                yield tables.tile_rows(
                    key(k), tiles._chosen(chosen), {n: v[chosen] for n, v in counts.items()}
                )
                figures = (
                    {"correlation_px": truth.correlation_px}
                    if point == BASELINE
                    else {"training_tiles": 20 + k}
                )
                yield tables.pooled_rows(key(k), figures)
    for point in (*standalone(found), *fine_tuned(found)):
        trained = point.codec in ("dgml", "hyperprior")
        for seed in study.seeds if trained else [None]:
            key = _key(name, point, "unet" if point.regime else "", seed)
            sse, samples, figures = _coded(point, truth, rng, trained)
            for k, chosen in parts:
                yield tables.tile_rows(
                    key(k), tiles._chosen(chosen), {"sse": sse[chosen], "samples": samples[chosen]}
                )
            yield tables.pooled_rows(key(None), figures)


def _key(name, point, segmenter, seed):
    return lambda fold: Key(name, *point, segmenter=segmenter, seed=seed, fold=fold)


def _shares(point, truth, common, rng, seeds):
    if point == BASELINE:
        return np.broadcast_to(truth.baseline + common, (1, truth.blocks))
    iou = truth.ceiling if point == ORIGINAL else truth.iou(point)
    own = rng.normal(0, truth.noise, truth.blocks)
    trained = rng.normal(0, truth.between_seeds, (seeds, 1))
    return iou + common + own + trained


def _counts(share, positive):
    tp = np.clip(share, 0, 1) * POSITIVES
    holds = np.arange(len(share)) < positive
    zero = np.zeros(len(share))
    return {
        "tp": np.where(holds, tp, 0),
        "fp": zero,
        "fn": np.where(holds, POSITIVES - tp, 0),
        "tn": zero + POSITIVES,
    }


def _coded(point, truth, rng, trained):
    samples = np.full(truth.blocks, float(TILE * TILE))
    rate = truth.bpppb(point) * (1 + truth.rate_noise * rng.standard_normal() * trained)
    psnr = np.inf if point.rate == "lossless" else truth.psnr(point)
    error = 1e8 / 10 ** (psnr / 10) * np.exp(rng.normal(0, 0.05, truth.blocks))
    figures = {
        "bpppb": rate,
        "payload_bytes": 990.0,
        "header_bytes": 10.0,
        "side_bytes": 0.0,
        "at_floor": 0.0,
        "psnr_db": psnr,
        "psnr_training_db": psnr + 0.1 + 0.2 * trained,
        **({"codec_training_tiles": 24} if trained else {}),
    }
    return error * samples, samples, figures


def _tiles(count, scenes):
    number = np.arange(count)
    empty = np.zeros((count, 1, 1), np.uint8)
    return Tiles(
        image=np.ones((count, 1, 1, 1), np.uint16),
        label=empty,
        scene=np.array([f"scene {place}" for place in number % scenes]),
        row=(number // scenes // 8).astype(np.int32),
        col=(number // scenes % 8).astype(np.int32),
        block=number.astype(np.int32),
        fold=np.zeros(count, np.int32),
        validation=np.zeros(count, bool),
        split=np.full(count, "test"),
        info=INFO,
    )


def judged(planted, *draw, **datasets):
    """Findings on datasets, given as (configuration, truth)."""
    configured = study(**planted, **{name: config for name, (config, _) in datasets.items()})
    rows = [table(configured, name, truth, *draw) for name, (_, truth) in datasets.items()]
    return judge(configured, tables.join(rows))
