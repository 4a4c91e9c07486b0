"""Draw one tile at every codec and rate: its reconstruction, error and map."""

import base64
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from workflow_lib.data.info import TileInfo
from workflow_lib.data.pixel_values import IGNORE, NODATA
from workflow_lib.data.tiles import Tiles
from workflow_lib.errors import DownlinkError

Point = tuple[str, str]
"""Codec and rate point, by name."""
Prediction = tuple[NDArray[np.float32], float]
"""Probability of the class, [y, x], and the threshold from which on a pixel is mapped."""
Bytes = NDArray[np.uint8]

_RED_GREEN_BLUE_UM = (0.665, 0.56, 0.49)
_STRETCH = (2, 98)
_GREY = (128, 128, 128)

_NEGATIVE, _POSITIVE, _FALSE, _MISSED, _IGNORED = range(5)
OUTCOMES = {
    "rest": "#26262b",
    "class found": "#f2f2f2",
    "false alarm": "#d55e00",
    "missed": "#56b4e9",
    "not scored": "#808080",
}
"""Colours of a map's pixels by outcome, in the order of the numbers above."""

_MAX_SIDE = 128
_MIN_SIDE = 32
_PAGE_BYTES = 5_000_000


@dataclass(frozen=True)
class Strip:
    """One tile, its reconstructions and the maps made from them.

    Attributes:
        info: bands and units of the dataset.
        scene, row, col: position of the tile.
        image: original counts, uint16 [band, y, x].
        label: uint8 [y, x].
        reconstructions: decoded counts, uint16 [band, y, x], by point.
        maps: maps made from reconstructions, bool [y, x], by point.
        map_of_original: map made from the original, bool [y, x], or None.
    """

    info: TileInfo
    scene: str
    row: int
    col: int
    image: NDArray[np.uint16]
    label: Bytes
    reconstructions: Mapping[Point, NDArray[np.uint16]]
    maps: Mapping[Point, NDArray[np.bool_]]
    map_of_original: NDArray[np.bool_] | None = None

    @property
    def valid(self) -> NDArray[np.bool_]:
        """Pixels with a value in every band, bool [y, x]."""
        return np.asarray((self.image != NODATA).all(axis=0))


@dataclass(frozen=True)
class StripCell:
    """Pictures of one point as data URIs; None if missing."""

    reconstruction: str | None
    error: str | None
    map: str | None


@dataclass(frozen=True)
class Pictures:
    """A strip as pictures (data URIs).

    Attributes:
        place: description of the tile's position.
        side: side of the pictures in pixels.
        channels: bands shown as red, green and blue, or the band shown in grey.
        error_peak: error at the upper end of the colour scale, in `unit`.
        unit: physical unit.
        scale: picture of the error's colour scale.
        original, label, map: pictures of the original tile; `map` may be None.
        cells: pictures of reconstructions, by point.
    """

    place: str
    side: int
    channels: tuple[str, ...]
    error_peak: float
    unit: str
    scale: str
    original: str
    label: str
    map: str | None
    cells: Mapping[Point, StripCell]


def choose_tile(tiles: Tiles) -> int:
    """Choose the held-out tile that shows both classes best.

    This is the tile with the most pixels of its rarer class. Tiles without nodata take precedence.
    Of equal tiles the first is chosen.

    Returns:
        Index of the tile.

    Raises:
        DownlinkError: no tile is held out.
    """
    test = tiles.split == "test"
    if not test.any():
        raise DownlinkError(
            f"{tiles.info.dataset}: no tile is held out. Choose another tiling.folds.salt."
        )
    valid = tiles.valid
    positive = (valid & (tiles.label == 1)).sum(axis=(1, 2))
    negative = (valid & (tiles.label == 0)).sum(axis=(1, 2))
    complete = test & valid.all(axis=(1, 2))
    shows = np.where(complete if complete.any() else test, np.minimum(positive, negative), -1)
    return int(shows.argmax())


def make_strip(
    tiles: Tiles,
    index: int,
    reconstructions: Mapping[Point, NDArray[np.uint16]],
    predictions: Mapping[Point, Prediction],
    on_original: Prediction | None = None,
) -> Strip:
    """Collect the strip of one tile.

    Args:
        tiles: original tiles.
        index: index of the tile.
        reconstructions: the decoded tile, uint16 [band, y, x], by codec and rate.
        predictions: predictions of the frozen segmenter on them, by codec and rate.
        on_original: its prediction on the original.

    Raises:
        ValueError: an array does not have the size of the tile.
    """
    image = tiles.image[index]
    maps = {point: _map(prediction, image.shape[1:]) for point, prediction in predictions.items()}
    for point, decoded in reconstructions.items():
        if decoded.shape != image.shape:
            raise ValueError(
                f"{point}: the reconstruction has shape {decoded.shape}, the tile {image.shape}"
            )
    return Strip(
        info=tiles.info,
        scene=str(tiles.scene[index]),
        row=int(tiles.row[index]),
        col=int(tiles.col[index]),
        image=image,
        label=tiles.label[index],
        reconstructions=dict(reconstructions),
        maps=maps,
        map_of_original=None if on_original is None else _map(on_original, image.shape[1:]),
    )


def _map(prediction: Prediction, size: tuple[int, ...]) -> NDArray[np.bool_]:
    probability, threshold = prediction
    if probability.shape != size:
        raise ValueError(f"the map has shape {probability.shape}, the tile {size}")
    return np.asarray(probability >= threshold)


def affordable_side(strips: Iterable[Strip]) -> int:
    """Side of the pictures in pixels that keeps a page with all strips below 6 MB."""
    side = int(np.sqrt(_PAGE_BYTES / max(sum(map(_bytes_per_pixel, strips)), 1)))
    return min(max(side, _MIN_SIDE), _MAX_SIDE)


def _bytes_per_pixel(strip: Strip) -> float:
    """Most bytes in base64: photo, error and map of each point, and the original per codec."""
    columns = len(strip.reconstructions) + len({codec for codec, _ in strip.reconstructions})
    return 4 / 3 * columns * (len(_channels(strip.info)) + 1.25)


def draw(strip: Strip, side: int) -> Pictures:
    """Draw the strip; larger tiles are cut to `side` pixels around the class."""
    place = _place(strip, side)
    strip = _cut(strip, side)
    shown = _channels(strip.info)
    stretch = _stretch(strip.image[shown, :, :], strip.valid)
    errors = {p: _error(strip, decoded) for p, decoded in strip.reconstructions.items()}
    peak = _peak(errors, strip)
    scale = np.arange(255, dtype=np.uint8)[None].repeat(8, axis=0)

    def photo(image: NDArray[np.uint16]) -> str:
        return _photo(image[shown, :, :], stretch, strip.valid)

    def cell(point: Point) -> StripCell:
        decoded, found = strip.reconstructions.get(point), strip.maps.get(point)
        return StripCell(
            reconstruction=None if decoded is None else photo(decoded),
            error=None if decoded is None else _error_picture(errors[point], peak, strip.valid),
            map=None if found is None else _outcome(strip, found),
        )

    return Pictures(
        place=place,
        side=strip.label.shape[0],
        channels=tuple(strip.info.bands[band] for band in shown),
        error_peak=peak,
        unit=strip.info.unit,
        scale=_png(scale, _error_palette()),
        original=photo(strip.image),
        label=_outcome(strip, strip.label == 1),
        map=None if strip.map_of_original is None else _outcome(strip, strip.map_of_original),
        cells={point: cell(point) for point in sorted({*strip.reconstructions, *strip.maps})},
    )


def _place(strip: Strip, side: int) -> str:
    whole = strip.label.shape[0]
    part = f", cut from {whole} × {whole} px around the class" if whole > side else ""
    return f"row {strip.row}, column {strip.col} of scene {strip.scene}{part}"


def _cut(strip: Strip, side: int) -> Strip:
    rows, cols = _window(strip.label, side)
    found = strip.map_of_original
    return Strip(
        strip.info,
        strip.scene,
        strip.row,
        strip.col,
        image=strip.image[:, rows, cols],
        label=strip.label[rows, cols],
        reconstructions={p: a[:, rows, cols] for p, a in strip.reconstructions.items()},
        maps={p: a[rows, cols] for p, a in strip.maps.items()},
        map_of_original=None if found is None else found[rows, cols],
    )


def _window(label: Bytes, side: int) -> tuple[slice, slice]:
    """Rows and columns around the middle of the class, or of the tile if it lacks the class."""
    places = np.nonzero(label == 1)
    slices = []
    for length, along in zip(label.shape, places, strict=True):
        middle = int(np.median(along)) if len(along) else length // 2
        first = min(max(middle - side // 2, 0), max(length - side, 0))
        slices.append(slice(first, first + side))
    return slices[0], slices[1]


def _channels(info: TileInfo) -> list[int]:
    wavelengths = np.array(info.wavelengths_um)
    if len(wavelengths) < 3:
        return [0]
    nearest = [int(np.abs(wavelengths - wanted).argmin()) for wanted in _RED_GREEN_BLUE_UM]
    if len(set(nearest)) == 3:
        return nearest
    order = wavelengths.argsort(kind="stable")
    return [int(order[-1]), int(order[len(order) // 2]), int(order[0])]


def _stretch(image: NDArray[np.uint16], valid: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Counts shown as black and as full brightness, float64 [2, channel]."""
    if not valid.any():
        return np.array([[0.0], [1.0]]).repeat(len(image), axis=1)
    low, high = np.percentile(image[:, valid], _STRETCH, axis=1)
    return np.stack([low, np.maximum(high, low + 1)])


def _photo(
    image: NDArray[np.uint16], stretch: NDArray[np.float64], valid: NDArray[np.bool_]
) -> str:
    low, high = stretch[:, :, None, None]
    bright = np.rint(255 * np.clip((image - low) / (high - low), 0, 1)).astype(np.uint8)
    picture = np.where(valid, bright, np.uint8(_GREY[0]))
    return _png(picture[0] if len(picture) == 1 else picture.transpose(1, 2, 0))


def _error(strip: Strip, decoded: NDArray[np.uint16]) -> NDArray[np.float64]:
    """Root mean square over bands in physical units, float64 [y, x]."""
    squared = (strip.image.astype(np.float64) - decoded) ** 2
    return np.asarray(strip.info.scale * np.sqrt(squared.mean(axis=0)))


def _peak(errors: Mapping[Point, NDArray[np.float64]], strip: Strip) -> float:
    """Rounded 99th percentile of the error over all points, at least one count."""
    everything = np.concatenate([np.zeros(1), *(error[strip.valid] for error in errors.values())])
    return float(f"{max(np.percentile(everything, 99), strip.info.scale):.2g}")


def _error_palette() -> Bytes:
    colours = matplotlib.colormaps["inferno"](np.linspace(0, 1, 255), bytes=True)[:, :3]
    return np.concatenate([colours, np.array([_GREY])]).astype(np.uint8)


def _error_picture(error: NDArray[np.float64], peak: float, valid: NDArray[np.bool_]) -> str:
    level = np.rint(254 * np.minimum(error / peak, 1)).astype(np.uint8)
    return _png(np.where(valid, level, np.uint8(255)), _error_palette())


def _outcome(strip: Strip, found: NDArray[np.bool_]) -> str:
    label = strip.label == 1
    outcome = np.select(
        [(strip.label == IGNORE) | ~strip.valid, label & found, found, label],
        [_IGNORED, _POSITIVE, _FALSE, _MISSED],
        _NEGATIVE,
    )
    palette = np.array([list(bytes.fromhex(colour[1:])) for colour in OUTCOMES.values()], np.uint8)
    return _png(outcome.astype(np.uint8), palette)


def _png(picture: Bytes, palette: Bytes | None = None) -> str:
    """PNG as a data URI, from grey [y, x], colours [y, x, 3] or indices of a palette [y, x]."""
    image = Image.fromarray(picture)
    if palette is not None:
        image = image.convert("L")
        image.putpalette(palette.tobytes())
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
