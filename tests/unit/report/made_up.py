"""Generate a small made-up study with random results."""

import copy
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from made_up_figures import coded, ious, points
from made_up_findings import findings
from scipy.ndimage import gaussian_filter

from workflow_lib.config.study import Study, validate
from workflow_lib.data.info import describe
from workflow_lib.data.tiles import Tiles
from workflow_lib.inference.findings import Findings
from workflow_lib.measure.rows import Key
from workflow_lib.measure.table import join, pooled_rows, tile_rows
from workflow_lib.paths import rate_name
from workflow_lib.report.tile_strips import Strip, choose_tile, make_strip

_TRAINING = {"steps": 10, "batch": 4, "crop": 16, "learning_rate": 1e-3}
_TILING = {"tile": 32, "folds": {"block_tiles": 2, "salt": "a"}}
_THERMAL = {"name": "brightness temperature", "unit": "K", "scale": 0.01, "data_range": 10000}
_OPTICAL = {"name": "reflectance", "unit": "1", "scale": 1e-4, "data_range": 10000}
_GENERATED = {"recipe": "generated", "side": 128, "seed": 0}

CONFIG = {
    "name": "made-up",
    "results": "results",
    "run": ["fire", "building"],
    "archives": {},
    "sensors": {
        "mwir": [{"name": "M1", "wavelength_um": 3.8, "native_pixel_m": 70}],
        "optical": [
            {"name": "B02", "wavelength_um": 0.49, "native_pixel_m": 10},
            {"name": "B03", "wavelength_um": 0.56, "native_pixel_m": 10},
            {"name": "B04", "wavelength_um": 0.665, "native_pixel_m": 10},
            {"name": "B11", "wavelength_um": 1.61, "native_pixel_m": 20},
        ],
    },
    "codecs": {
        "jpeg2000": {"kind": "jpeg2000"},
        "klt-jpeg2000": {"kind": "klt-jpeg2000"},
        "jpegxl": {"kind": "jpegxl"},
        "dgml": {"kind": "dgml", "channels": 8, "latents": 8, "training": _TRAINING},
    },
    "segmenters": {
        "unet": {
            "encoder": "mobilenet_v2",
            "depth": 3,
            "decoder_channels": [32, 16, 8],
            "training": _TRAINING,
        }
    },
    "finetunings": {"short": {"gammas": [1.0], "codec_learning_rate": 1e-4, "training": _TRAINING}},
    "datasets": {
        "fire": {
            "title": "Active fires, mid-wave infrared",
            "caption": "The fires are simulated on a real thermal scene.",
            "credit": "ECOSTRESS by NASA/JPL.",
            "source": _GENERATED,
            "quantity": _THERMAL,
            "sensor": "mwir",
            "pixel_m": 70,
            "bands": ["M1"],
            "tiling": _TILING,
            "rates": {
                "jpeg2000": [0.05, 0.1, 0.2, 0.4],
                "jpegxl": [0.05, 0.1, 0.2, 0.4],
                "dgml": [0.001, 0.004, 0.016, 0.064],
            },
            "regimes": {
                "retrained": {"jpeg2000": [0.1], "jpegxl": [0.1], "dgml": [0.004]},
                "joint": {"dgml": [0.004]},
                "finetuning": "short",
                "mismatched": [
                    {
                        "trained_on": {"codec": "jpeg2000", "rate": 0.1},
                        "scored_on": {"codec": "dgml", "rate": 0.004},
                    }
                ],
            },
            "segmenters": ["unet"],
        },
        "building": {
            "title": "Buildings, Sentinel-2",
            "caption": "The roofs are simulated on a real scene.",
            "credit": "Contains modified Copernicus Sentinel data.",
            "source": _GENERATED,
            "quantity": _OPTICAL,
            "sensor": "optical",
            "pixel_m": 10,
            "bands": ["B02", "B03", "B04", "B11"],
            "tiling": _TILING,
            "rates": {
                "jpeg2000": [0.05, 0.1, 0.2, 0.4, "lossless"],
                "klt-jpeg2000": [0.05, 0.1, 0.2, 0.4],
                "dgml": [0.001, 0.004],
            },
            "regimes": {"retrained": {"jpeg2000": [0.1]}},
            "segmenters": ["unet"],
        },
    },
}


@dataclass
class Inputs:
    """Arguments of `write_report` except for the target."""

    study: Study
    table: pd.DataFrame
    findings: Findings
    baseline: dict[str, str]
    notes: dict[str, list[str]]
    strips: dict[str, Strip] = field(default_factory=dict)
    machines: str = ""

    def arguments(self):
        told = self.baseline, self.notes, self.strips, self.machines
        return self.study, self.table, self.findings, *told


def tiles_of(study, name, rng):
    dataset = study.datasets[name]
    side, count, bands = dataset.tiling.tile, 8, len(dataset.bands)
    smooth = gaussian_filter(rng.normal(size=(count, bands, side, side)), (0, 0.6, 2, 2))
    positive = gaussian_filter(rng.normal(size=(count, side, side)), (0, 3, 3)) > 0.12
    image = 3000 + 2500 * smooth + 900 * positive[:, None]
    number = np.arange(count, dtype=np.int32)
    return Tiles(
        image=np.clip(image, 1, 65535).astype(np.uint16),
        label=positive.astype(np.uint8),
        scene=np.full(count, f"{name}-scene"),
        row=number // 4,
        col=number % 4,
        block=number // 4,
        fold=np.where(number < 4, 0, 1).astype(np.int32),
        validation=np.zeros(count, bool),
        split=np.where(number < 4, "train", "test"),
        info=describe(name, dataset, study.bands(name)),
    )


def _table(study, tiles):
    name = tiles.info.dataset
    scored = tiles.where("test")
    counts = {"tp": 90.0, "fn": 30.0, "fp": 20.0, "tn": 860.0}
    others = {
        "f1": 0.77,
        "precision": 0.81,
        "recall": 0.74,
        "average_precision": 0.79,
        "event_recall": 0.625,
        "false_alarms_per_mpx": 37.2,
    }
    standalone = coded(study, name, float(scored.valid.sum() * len(tiles.info.bands)))
    parts = []
    for (codec, rate), figures in standalone.items():
        seed = 0 if codec == "dgml" else None
        key = Key(name, codec, rate_name(rate), seed=seed)
        parts.append(pooled_rows(key, figures))
        # figures of a single fold must not be mistaken for those of all folds
        parts.append(pooled_rows(replace(key, fold=1), {"bpppb": 99.0, "psnr_db": 99.0}))
    for segmenter in study.datasets[name].segmenters:
        for (codec, rate, regime, trained_on), iou in ious(study, name).items():
            key = Key(name, codec, rate_name(rate), regime, trained_on, segmenter, 0)
            parts.append(pooled_rows(key, {"iou": iou, **others}))
            if regime in ("joint", "control"):
                tuned = standalone[codec, rate]
                rate_and_psnr = {"bpppb": 0.95 * tuned["bpppb"], "psnr_db": tuned["psnr_db"] - 0.4}
                parts.append(pooled_rows(key, tuned | rate_and_psnr))
        original = Key(name, regime="original", segmenter=segmenter, seed=0)
        parts.append(pooled_rows(original, {"iou": 0.6389, **others, **counts}))
        tested = replace(original, fold=1)
        parts.append(tile_rows(tested, scored, {"tp": np.full(len(scored), 9.0)}))
    parts.append(pooled_rows(Key(name, regime="baseline"), {"iou": 0.4127, **counts}))
    return join(parts)


def _strip(study, tiles, rng):
    index = choose_tile(tiles)
    original = tiles.image[index]
    decoded, predicted = {}, {}
    for codec, rate, place in points(study, tiles.info.dataset):
        blurred = gaussian_filter(original.astype(float), (0, 2 / (place + 1), 2 / (place + 1)))
        point = codec, rate_name(rate)
        decoded[point] = np.clip(blurred, 1, 65535).astype(np.uint16)
        noise = rng.normal(scale=0.5 / (place + 1), size=original.shape[1:])
        predicted[point] = (tiles.label[index] + noise).astype(np.float32), 0.5
    on_original = tiles.label[index].astype(np.float32), 0.5
    return make_strip(tiles, index, decoded, predicted, on_original)


def build(config):
    """Generate the inputs of a report from a study's configuration."""
    study = validate(copy.deepcopy(config))
    rng = np.random.default_rng(0)
    tiles = {name: tiles_of(study, name, rng) for name in study.run}
    return Inputs(
        study=study,
        table=join([_table(study, own) for own in tiles.values()]),
        findings=findings(study),
        baseline={name: f"{study.datasets[name].bands[0]} > 4711" for name in study.run},
        notes={study.run[0]: ["12 values above 65535 counts saturated"]},
        strips={name: _strip(study, own, rng) for name, own in tiles.items()},
    )
