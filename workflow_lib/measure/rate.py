"""Compute rates from the bytes on disk."""

from workflow_lib.codecs.base import CodedBytes
from workflow_lib.data.info import TileInfo
from workflow_lib.measure import metric_names

_BITS_PER_SAMPLE = 16


def rates(coded: CodedBytes, pixels: int, info: TileInfo) -> dict[str, float]:
    """Rates, compression ratio and bytes of coded pixels, by metric name.

    Args:
        coded: bytes of the scored pixels.
        pixels: number of valid pixels.
        info: bands and native sampling.

    Raises:
        ValueError: `pixels` is not positive.
    """
    if pixels <= 0:
        raise ValueError(f"a rate needs at least one valid pixel, got {pixels}")
    bits = 8 * coded.total
    samples = pixels * len(info.bands)
    return {
        metric_names.BPPPB: bits / samples,
        metric_names.BPPPB_NATIVE: bits / (pixels * sum(info.native_fraction)),
        metric_names.BPP: bits / pixels,
        metric_names.COMPRESSION_RATIO: _BITS_PER_SAMPLE * samples / bits if bits else float("inf"),
        metric_names.PAYLOAD_BYTES: float(coded.payload),
        metric_names.HEADER_BYTES: float(coded.header),
        metric_names.SIDE_BYTES: float(coded.side),
    }
