"""What a JPEG 2000 codestream of ours looks like, checked before a decoder sees it.

Markers, fields and tables are those of ISO/IEC 15444-1, Annex A.
"""

import struct
from dataclasses import dataclass
from itertools import pairwise

from workflow_lib.errors import BitstreamError

_SOC, _SIZ, _COD, _QCD, _COM = 0xFF4F, 0xFF51, 0xFF52, 0xFF5C, 0xFF64
_SOT, _SOD, _EOC = 0xFF90, 0xFF93, 0xFFD9
_TILE_PART = struct.Struct(">HHHIBBH")
"""Tile-part header with nothing between SOT and SOD."""
_MARKER = struct.Struct(">H")
_MAX_LEVELS = 5
_SMALLEST_LOW_BAND = 4
"""Fewer pixels on a side of the lowest band cost more in packet headers than they gain."""
_BLOCKS = ((64, 64), (32, 128), (128, 32), (32, 64), (64, 32), (32, 32))
"""Heights and widths of code-blocks."""
_MOST_SEGMENTS = 4
"""SIZ, COD, QCD and the encoder's comment."""
_DEPTH = 16
_GUARD_BITS = 2

OVERHEAD = _TILE_PART.size + _MARKER.size
"""Bytes that OpenJPEG does not count when asked for a size: the tile-part's header and the end."""


@dataclass(frozen=True)
class Style:
    """How an image is decomposed and its coefficients are grouped.

    Attributes:
        levels: wavelet decompositions.
        block: height and width of a code-block.
        causal: vertically causal contexts.
        reversible: 5-3 wavelet on integers, else 9-7.
    """

    levels: int
    block: tuple[int, int] = (64, 64)
    causal: bool = False
    reversible: bool = False

    def cod(self) -> bytes:
        """Contents of the COD segment: one layer, no component transform, whole-image precincts."""
        height, width = (side.bit_length() - 3 for side in self.block)
        return struct.pack(
            ">BBHBBBBBB",
            *(0, 0, 1, 0),
            *(self.levels, width, height, 8 * self.causal, self.reversible),
        )

    def fits_qcd(self, segment: bytes) -> bool:
        """Whether a QCD segment has a step size for each subband."""
        subbands = 3 * self.levels + 1
        kind, size = (0, 1) if self.reversible else (2, 2)
        return len(segment) == 1 + size * subbands and segment[0] == _GUARD_BITS << 5 | kind


def levels(shape: tuple[int, ...]) -> int:
    """Wavelet decompositions that images of this height and width bear."""
    smaller = min(shape[-2:]) // _SMALLEST_LOW_BAND
    return min(_MAX_LEVELS, max(smaller.bit_length() - 1, 0))


def styles(shape: tuple[int, ...]) -> list[Style]:
    """The styles in which an image is coded at a rate, in the order in which they are tried.

    They differ in where a codestream can end; the first are the best, the last cost some tenths of
    a decibel.
    """
    height, width = ((side + 1) // 2 for side in shape[-2:])
    most = levels(shape)
    # larger code-blocks than the largest subband are all alike
    blocks = {(min(block[0], height), min(block[1], width)): block for block in reversed(_BLOCKS)}
    return [
        Style(depth, block, causal)
        for block in sorted(blocks.values(), key=_BLOCKS.index)
        for depth in dict.fromkeys((most, max(most - 1, 0)))
        for causal in (False, True)
    ]


def lossless_style(shape: tuple[int, ...]) -> Style:
    """Style of lossless coding for an image shape."""
    return Style(levels(shape), reversible=True)


def without_comment(payload: bytes) -> bytes:
    """The codestream without the encoder's signature, which would be charged."""
    starts = _segments(payload)
    kept = [payload[a:b] for a, b in pairwise(starts) if _marker(payload, a) != _COM]
    return payload[: starts[0]] + b"".join(kept) + payload[starts[-1] :]


def header_length(payload: bytes) -> int:
    """Bytes of the codestream's main header.

    Raises:
        BitstreamError: this is no codestream.
    """
    return _segments(payload)[-1]


def check(payload: bytes, shape: tuple[int, int, int]) -> None:
    """Refuse whatever is not a codestream of ours of an image [band, y, x] of this shape.

    Every size that a decoder allocates by is compared here; what is left to it are the packets.

    Raises:
        BitstreamError: with what is wrong.
    """
    starts = _segments(payload)
    found = {_marker(payload, a): payload[a + 4 : b] for a, b in pairwise(starts)}
    if [*found] != [_SIZ, _COD, _QCD] or len(starts) != 4:
        raise BitstreamError("JPEG 2000: the codestream has segments that this codec never writes.")
    if found[_SIZ] != _siz(shape):
        raise BitstreamError(f"JPEG 2000: the codestream contains no image of shape {shape}.")
    ours = {style.cod(): style for style in [*styles(shape), lossless_style(shape)]}
    style = ours.get(found[_COD])
    if style is None or not style.fits_qcd(found[_QCD]):
        raise BitstreamError("JPEG 2000: the codestream has options that this codec never uses.")
    body = payload[starts[-1] :]
    whole = _TILE_PART.pack(_SOT, 10, 0, len(body) - _MARKER.size, 0, 1, _SOD)
    if body[: len(whole)] != whole or body[-2:] != _MARKER.pack(_EOC):
        raise BitstreamError("JPEG 2000: the codestream is truncated or damaged.")


def _siz(shape: tuple[int, int, int]) -> bytes:
    """Contents of the SIZ segment: one tile, no offsets, unsigned 16-bit components."""
    bands, height, width = shape
    place = (width, height, 0, 0)
    head = struct.pack(">H8IH", 0, *place, *place, bands)
    return head + bytes([_DEPTH - 1, 1, 1]) * bands


def _segments(payload: bytes) -> list[int]:
    """Where the main header's segments begin, and last where it ends: at SOT."""
    if payload[:2] != _MARKER.pack(_SOC):
        raise BitstreamError("JPEG 2000: this is not a codestream.")
    starts = [2]
    while _marker(payload, starts[-1]) != _SOT:
        if len(starts) > _MOST_SEGMENTS:
            raise BitstreamError(
                "JPEG 2000: the codestream has segments that this codec never writes."
            )
        starts.append(starts[-1] + 2 + max(_marker(payload, starts[-1] + 2), 2))
    return starts


def _marker(payload: bytes, place: int) -> int:
    if place + 2 > len(payload):
        raise BitstreamError("JPEG 2000: the codestream's header is truncated.")
    return int(_MARKER.unpack_from(payload, place)[0])
