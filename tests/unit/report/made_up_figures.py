"""Generate rates and distortions of made-up codecs and scores of made-up maps."""

import numpy as np

from workflow_lib.paths import rate_name


def points(study, name):
    for codec, rates in study.datasets[name].rates.items():
        for place, rate in enumerate(sorted(rates, key=str)):
            yield codec, rate, place


def coded(study, name, samples):
    """Rate and distortion of every rate point, by codec and rate."""
    figures = {}
    for number, (codec, rate, place) in enumerate(points(study, name)):
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


def ious(study, name):
    """IoU by codec, rate, regime and `trained_on`."""
    dataset = study.datasets[name]
    ious = {}
    for number, (codec, rate, place) in enumerate(points(study, name)):
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
