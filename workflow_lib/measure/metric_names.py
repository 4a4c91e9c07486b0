"""Names of the metrics in the tidy table."""

BPPPB = "bpppb"
"""Bits per valid pixel and band."""
BPPPB_NATIVE = "bpppb_native"
"""Bits per native sample: fewer than `bpppb` counts where bands are coarser than the grid."""
BPP = "bpp"
"""Bits per valid pixel."""
COMPRESSION_RATIO = "compression_ratio"
"""Bytes of the samples at 16 bits each, divided by coded bytes."""
PAYLOAD_BYTES = "payload_bytes"
HEADER_BYTES = "header_bytes"
SIDE_BYTES = "side_bytes"
AT_FLOOR = "at_floor"
"""1 if the codec could not reach the requested rate, else 0."""

PSNR_DB = "psnr_db"
"""Peak signal-to-noise ratio; `psnr_db/BAND` is that of one band."""
RMSE = "rmse"
"""Root mean square error in physical units."""
RMSE_LABEL = "rmse_label"
"""RMSE where the label is 1."""
RMSE_BACKGROUND = "rmse_background"
"""RMSE where the label is 0."""
SSIM = "ssim"
"""Mean structural similarity of the windows without nodata."""
SPECTRAL_ANGLE_RAD = "spectral_angle_rad"
"""Mean angle between original and reconstructed spectra."""
SSE = "sse"
"""Sum of squared errors in counts²; `sse/BAND` is that of one band."""
SAMPLES = "samples"
"""Valid pixels × bands behind `sse`."""
SSE_LABEL = "sse_label"
SAMPLES_LABEL = "samples_label"
SSE_BACKGROUND = "sse_background"
SAMPLES_BACKGROUND = "samples_background"
SSIM_WINDOWS = "ssim_windows"
"""Windows behind `ssim`."""
PSNR_TRAINING_DB = "psnr_training_db"
"""PSNR of the training tiles of the codec that holds out the same fold."""
SSE_TRAINING = "sse_training"
SAMPLES_TRAINING = "samples_training"

IOU = "iou"
F1 = "f1"
PRECISION = "precision"
RECALL = "recall"
AVERAGE_PRECISION = "average_precision"
TP, FP, FN, TN = "tp", "fp", "fn", "tn"
"""Number of pixels by outcome: true positives, false positives, and so on."""
EVENTS = "events"
"""Labelled objects: groups of positive pixels that touch, also diagonally."""
EVENTS_FOUND = "events_found"
"""Events with at least one mapped pixel."""
FALSE_ALARMS = "false_alarms"
"""Mapped objects without a labelled pixel."""
EVENT_RECALL = "event_recall"
"""Share of events found."""
FALSE_ALARMS_PER_MPX = "false_alarms_per_mpx"
"""False alarms per 10⁶ labelled pixels."""
CORRELATION_PX = "correlation_px"
"""Correlation length of the labels, in pixels."""
TRAINING_TILES = "training_tiles"
"""Number of tiles that a segmenter was trained on."""
CODEC_TRAINING_TILES = "codec_training_tiles"
"""Number of tiles that a codec was trained on; 0 for classical codecs."""

_PER_BAND = (PSNR_DB, SSE)
_ALL = {
    value
    for key, value in dict(globals()).items()
    if key.isupper() and not key.startswith("_") and isinstance(value, str)
}


def of_band(metric: str, band: str) -> str:
    """Name of a metric of one band, e.g. psnr_db/B02."""
    return f"{metric}/{band}"


def is_known(name: str) -> bool:
    """Whether this module defines a metric of this name."""
    metric, _, band = name.partition("/")
    return metric in _PER_BAND if band else name in _ALL
