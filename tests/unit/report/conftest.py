"""A small made-up study whose results are drawn, not measured."""

import copy
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter

from workflow_lib.config.study import Study, validate
from workflow_lib.data.tiles import Tiles, describe
from workflow_lib.metrics.table import Key, join, pooled_rows, tile_rows
from workflow_lib.paths import rate_name
from workflow_lib.report.strips import Strip, choose_tile, make_strip

_TRAINING = {"steps": 10, "batch": 4, "crop": 16, "learning_rate": 1e-3}
_TILING = {"tile": 32, "folds": {"block_tiles": 2, "salt": "a"}}
_THERMAL = {"name": "brightness temperature", "unit": "K", "scale": 0.01, "data_range": 10000}
_OPTICAL = {"name": "reflectance", "unit": "1", "scale": 1e-4, "data_range": 10000}
_GENERATED = {"recipe": "generated", "side": 128, "seed": 0}

CONFIG = {
    "name": "made-up",
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
            "retrain": {"jpeg2000": [0.1], "jpegxl": [0.1], "dgml": [0.004]},
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
            "retrain": {"jpeg2000": [0.1]},
            "segmenters": ["unet"],
        },
    },
}


@dataclass
class Inputs:
    """What `write_report` is given besides the target."""

    study: Study
    table: pd.DataFrame
    trivial: dict[str, str]
    notes: dict[str, list[str]]
    strips: dict[str, Strip] = field(default_factory=dict)

    def arguments(self):
        return self.study, self.table, self.trivial, self.notes, self.strips


def _tiles(study, name, rng):
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
        split=np.where(number < 4, "train", "test"),
        info=describe(name, dataset, study.bands(name)),
    )


def _points(study, name):
    for codec, rates in study.datasets[name].rates.items():
        for place, rate in enumerate(sorted(rates, key=str)):
            yield codec, rate, place


def _table(study, tiles):
    parts = []
    name = tiles.info.dataset
    scored = tiles.where("test")
    counts = {"tp": 90.0, "fn": 30.0, "fp": 20.0, "tn": 860.0}
    for number, (codec, rate, place) in enumerate(_points(study, name)):
        key = Key(name, codec, rate_name(rate))
        bpppb = 0.05 * 2.1**place * (1 + 0.04 * number)
        figures = {
            "bpppb": bpppb,
            "bpppb_native": bpppb * 1.3,
            "psnr_db": np.inf if rate == "lossless" else 36 + 4.2 * place + 0.37 * number,
            "rmse": 0.0 if rate == "lossless" else 0.4 / (place + 1),
            "ssim": 0.9 + 0.02 * place,
            "samples": float(scored.valid.sum() * len(tiles.info.bands)),
            "payload_bytes": 1000.0 * 2**place,
            "header_bytes": 120.0,
            "side_bytes": 80.0 if codec == "klt-jpeg2000" else 0.0,
            "at_floor": float(codec == "jpegxl" and place == 0),
        }
        parts.append(pooled_rows(key, figures))
        scores = {"frozen": 0.645 - 0.12 / (place + 1) ** 2 - 0.002 * number}
        if rate in study.datasets[name].retrain.get(codec, ()):
            scores["retrained"] = scores["frozen"] + 0.021
        for regime, iou in scores.items():
            mapped = Key(name, codec, rate_name(rate), regime, "unet", 0)
            parts.append(pooled_rows(mapped, {"iou": iou}))
    original = Key(name, regime="original", segmenter="unet", seed=0)
    parts.append(pooled_rows(original, {"iou": 0.6389, **counts}))
    parts.append(tile_rows(original, scored, {"tp": np.full(len(scored), 9.0)}))
    parts.append(pooled_rows(Key(name, regime="trivial"), {"iou": 0.4127, **counts}))
    return join(parts)


def _strip(study, tiles, rng):
    index = choose_tile(tiles)
    original = tiles.image[index]
    decoded, predicted = {}, {}
    for codec, rate, place in _points(study, tiles.info.dataset):
        blurred = gaussian_filter(original.astype(float), (0, 2 / (place + 1), 2 / (place + 1)))
        point = codec, rate_name(rate)
        decoded[point] = np.clip(blurred, 1, 65535).astype(np.uint16)
        noise = rng.normal(scale=0.5 / (place + 1), size=original.shape[1:])
        predicted[point] = (tiles.label[index] + noise).astype(np.float32), 0.5
    on_original = tiles.label[index].astype(np.float32), 0.5
    return make_strip(tiles, index, decoded, predicted, on_original)


def build(config):
    """Inputs of a report on made-up results of a configured study."""
    study = validate(copy.deepcopy(config))
    rng = np.random.default_rng(0)
    tiles = {name: _tiles(study, name, rng) for name in study.run}
    return Inputs(
        study=study,
        table=join([_table(study, own) for own in tiles.values()]),
        trivial={name: f"{study.datasets[name].bands[0]} > 4711" for name in study.run},
        notes={study.run[0]: ["12 values above 65535 counts saturated"]},
        strips={name: _strip(study, own, rng) for name, own in tiles.items()},
    )


@pytest.fixture
def config():
    return copy.deepcopy(CONFIG)


@pytest.fixture(scope="session")
def make_inputs():
    return build


@pytest.fixture(scope="session")
def inputs():
    return build(CONFIG)
