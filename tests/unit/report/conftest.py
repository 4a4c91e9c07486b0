"""A small made-up study whose results are drawn, not measured."""

import copy
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter

from workflow_lib.config.study import Study, validate
from workflow_lib.data.tiles import Tiles, describe
from workflow_lib.metrics.findings import (
    Check,
    Claim,
    Comparison,
    Estimate,
    Finding,
    Findings,
    Measure,
    PointFinding,
    Step,
    Verdict,
)
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
    "finetuning": {"gammas": [1.0], "codec_learning_rate": 1e-4, "training": _TRAINING},
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
    """What `write_report` is given besides the target."""

    study: Study
    table: pd.DataFrame
    findings: Findings
    trivial: dict[str, str]
    notes: dict[str, list[str]]
    strips: dict[str, Strip] = field(default_factory=dict)

    def arguments(self):
        return self.study, self.table, self.findings, self.trivial, self.notes, self.strips


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
        validation=np.zeros(count, bool),
        split=np.where(number < 4, "train", "test"),
        info=describe(name, dataset, study.bands(name)),
    )


def _points(study, name):
    for codec, rates in study.datasets[name].rates.items():
        for place, rate in enumerate(sorted(rates, key=str)):
            yield codec, rate, place


def _coded(study, name, samples):
    """What every rate point costs and loses, by codec and rate."""
    figures = {}
    for number, (codec, rate, place) in enumerate(_points(study, name)):
        bpppb = 0.05 * 2.1**place * (1 + 0.04 * number)
        psnr = 36 + 4.2 * place + 0.37 * number
        figures[codec, rate] = {
            "bpppb": bpppb,
            "bpppb_native": bpppb * 1.3,
            "psnr_db": np.inf if rate == "lossless" else psnr,
            "psnr_training_db": np.inf if rate == "lossless" else psnr + 0.25,
            "rmse": 0.0 if rate == "lossless" else 0.4 / (place + 1),
            "rmse_label": 0.0 if rate == "lossless" else 0.71 / (place + 1),
            "rmse_background": 0.0 if rate == "lossless" else 0.37 / (place + 1),
            "ssim": 0.9 + 0.02 * place,
            "samples": samples,
            "payload_bytes": 1000.0 * 2**place,
            "header_bytes": 120.0,
            "side_bytes": 80.0 if codec == "klt-jpeg2000" else 0.0,
            "at_floor": float(codec == "jpegxl" and place == 0),
        }
    return figures


def _ious(study, name):
    """IoU by codec, rate, regime and what the segmenter was trained on."""
    dataset = study.datasets[name]
    ious = {}
    for number, (codec, rate, place) in enumerate(_points(study, name)):
        frozen = 0.645 - 0.12 / (place + 1) ** 2 - 0.002 * number
        ious[codec, rate, "frozen", ""] = 0.6389 if rate == "lossless" else frozen
        if rate in dataset.points("retrained").get(codec, ()):
            ious[codec, rate, "retrained", ""] = frozen + 0.021
        if rate in dataset.points("joint").get(codec, ()):
            ious[codec, rate, "joint", ""] = frozen + 0.03
            ious[codec, rate, "control", ""] = frozen + 0.025
    for mismatch in dataset.regimes.mismatched:
        on, shown = mismatch.trained_on, mismatch.scored_on
        place = shown.codec, shown.rate, "mismatched", f"{on.codec} at {rate_name(on.rate)}"
        ious[place] = 0.5
    return ious


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
    coded = _coded(study, name, float(scored.valid.sum() * len(tiles.info.bands)))
    parts = []
    for (codec, rate), figures in coded.items():
        seed = 0 if codec == "dgml" else None
        key = Key(name, codec, rate_name(rate), seed=seed)
        parts.append(pooled_rows(key, figures))
        # what one fold alone came to must not be taken for all of them
        parts.append(pooled_rows(replace(key, fold=1), {"bpppb": 99.0, "psnr_db": 99.0}))
    for segmenter in study.datasets[name].segmenters:
        for (codec, rate, regime, trained_on), iou in _ious(study, name).items():
            key = Key(name, codec, rate_name(rate), regime, trained_on, segmenter, 0)
            parts.append(pooled_rows(key, {"iou": iou, **others}))
            if regime in ("joint", "control"):
                tuned = coded[codec, rate]
                rate_and_psnr = {"bpppb": 0.95 * tuned["bpppb"], "psnr_db": tuned["psnr_db"] - 0.4}
                parts.append(pooled_rows(key, tuned | rate_and_psnr))
        original = Key(name, regime="original", segmenter=segmenter, seed=0)
        parts.append(pooled_rows(original, {"iou": 0.6389, **others, **counts}))
        tested = replace(original, fold=1)
        parts.append(tile_rows(tested, scored, {"tp": np.full(len(scored), 9.0)}))
    parts.append(pooled_rows(Key(name, regime="trivial"), {"iou": 0.4127, **counts}))
    return join(parts)


def about(value, half, reason=""):
    """An estimate with an interval of the given half width."""
    return Estimate(
        value=value,
        se=half / 2,
        df=20.0,
        low=value - half,
        high=value + half,
        lower=value - 0.85 * half,
        upper=value + 0.85 * half,
        reason=reason,
    )


def undefined(reason):
    return Estimate(reason=reason)


def _point_findings(study, name):
    coded = _coded(study, name, 1.0)
    found = []
    for (codec, rate, regime, trained_on), iou in _ious(study, name).items():
        psnr = coded[codec, rate]["psnr_db"] - 0.4 * (regime in ("joint", "control"))
        lossless = rate == "lossless"
        found.append(
            PointFinding(
                codec=codec,
                rate=rate_name(rate),
                regime=regime,
                trained_on=trained_on,
                bpppb=coded[codec, rate]["bpppb"] * (0.95 if regime in ("joint", "control") else 1),
                psnr=undefined("undefined without loss") if lossless else about(psnr, 0.6),
                iou=about(iou, 0.04),
                change=about(0.0, 0.0) if lossless else about(iou - 0.6389, 0.002),
            )
        )
    return tuple(found)


def _verdicts(points):
    """Three kinds: the sequence ends somewhere, fails at once, or cannot start."""
    verdicts = []
    for codec, regime in dict.fromkeys((p.codec, p.regime) for p in points):
        if regime not in ("frozen", "retrained"):
            continue
        own = [p for p in points if (p.codec, p.regime) == (codec, regime)]
        steps, passed = [], None
        for point in sorted(own, key=lambda p: -p.bpppb):
            reached = not steps or steps[-1].passed
            good = point.change.lower > -0.01 if reached else None
            infinite = abs(point.change.value) >= 0.01
            needed = None if good is not False or infinite else 123.4
            steps.append(
                Step(
                    rate=point.rate,
                    bpppb=point.bpppb,
                    change=point.change,
                    passed=good,
                    blocks_needed=needed,
                )
            )
            passed = point if good else passed
        verdicts.append(
            Verdict(
                codec=codec,
                regime=regime,
                status="within" if passed else "inconclusive",
                rate=passed and passed.rate,
                bpppb=passed and passed.bpppb,
                steps=tuple(steps),
            )
        )
    return tuple(verdicts)


def _finding(study, name, segmenter):
    points = _point_findings(study, name)
    return Finding(
        dataset=name,
        segmenter=segmenter,
        seeds=len(study.seeds),
        blocks=42,
        positive_blocks=17,
        block_px=128,
        correlation_px=96.4,
        training_tiles=311,
        codec_training_tiles={"dgml": 312},
        ceiling=about(0.6389, 0.041),
        trivial=about(0.4127, 0.032),
        gate=about(0.2262, 0.05),
        testable=True,
        points=points,
        comparisons=tuple(
            Comparison(
                codec=codec,
                anchor="jpeg2000",
                regime="frozen",
                psnr=about(1.234, 0.36),
                rate=about(-21.5, 6.2),
                iou=about(0.0123, 0.0101),
                task_rate=undefined("overlap of 0.8 octaves, 2 are needed"),
            )
            for codec in study.datasets[name].rates
            if codec != "jpeg2000"
        ),
        verdicts=_verdicts(points),
        checks=(
            Check(question="Do rate ranges overlap?", fair=True, answer="by 2.4 octaves"),
            Check(question="Is the ceiling weak?", fair=False, answer="IoU 0.64 on originals"),
        ),
    )


def claim(dataset="fire", **changes):
    """A claim whose figures are made up."""
    measure = Measure(name="BD-IoU of jpeg2000 − dgml", estimate=about(-0.0071, 0.0152))
    plain = {
        "hypothesis": "H2",
        "dataset": dataset,
        "segmenter": "unet",
        "regime": "frozen",
        "primary": True,
        "measures": (measure,),
        "alone": "supported",
        "outcome": "undecided",
    }
    return Claim(**plain | changes)


def _claims(study):
    both = tuple(
        Measure(name=f"BD-{quality} of dgml − jpeg2000", estimate=about(value, half))
        for quality, value, half in (("PSNR", 1.23, 0.36), ("IoU", 0.0144, 0.0121))
    )
    claims = [
        claim("building", hypothesis="H1", against="jpeg2000", measures=both),
        claim("fire", alone="supported", outcome="supported"),
        claim("fire", hypothesis="H3", alone="refuted", outcome="refuted"),
        claim("building", hypothesis="H3", outcome="not testable", reason="no joint codec"),
    ]
    return tuple(claim for claim in claims if claim.dataset in study.run)


def _findings(study):
    return Findings(
        epsilon=study.statistics.epsilon,
        resamples=study.statistics.resamples,
        conditional=len(study.seeds) == 1,
        findings=tuple(
            _finding(study, name, segmenter)
            for name in study.run
            for segmenter in study.datasets[name].segmenters
        ),
        claims=_claims(study),
    )


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
        findings=_findings(study),
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
