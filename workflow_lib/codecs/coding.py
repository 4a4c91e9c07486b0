"""Encode a scene's tiles to one container file, and decode it."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workflow_lib.codecs.base import Codec, CodedBytes, Encoded, never_lossless
from workflow_lib.codecs.container import Container, Entry, Header, Index, Unit
from workflow_lib.codecs.mosaic import fill
from workflow_lib.codecs.units import CodingUnit, coding_units, places
from workflow_lib.config.codecs import CodecOptions
from workflow_lib.data.pixel_values import NODATA
from workflow_lib.data.tiles import Tiles
from workflow_lib.errors import BitstreamError
from workflow_lib.files import atomic


@dataclass(frozen=True)
class UnitSize:
    """Bytes on disk of one coding unit.

    Attributes:
        tiles: indices of its tiles in the scene.
        coded: its bytes; the header is its entry in the index and the payload's own header.
        at_floor: whether the codec could not go as low as its budget.
    """

    tiles: tuple[int, ...]
    coded: CodedBytes
    at_floor: bool


@dataclass(frozen=True)
class SceneSize:
    """Bytes on disk of a coded scene.

    Attributes:
        common: bytes of the container's header, which belong to no unit.
        units: the units.
    """

    common: int
    units: tuple[UnitSize, ...]


def encode_scene(
    tiles: Tiles, codec: Codec, options: CodecOptions, target_bpppb: float | None, file: Path
) -> SceneSize:
    """Encode a scene and write its container.

    Args:
        tiles: all tiles of one scene.
        codec: the codec at its rate point.
        options: its options, for its kind and coding unit.
        target_bpppb: target rate of a fold, its tiles or the scene, container included. Codecs
            controlled by λ ignore it. None for lossless.
        file: the container's file.

    Returns:
        The size of the file and of its units.

    Raises:
        DownlinkError: the target is lossless and the codec is not.
    """
    if target_bpppb is None and not options.lossless:
        raise never_lossless(options.kind)
    units = coding_units(tiles, options.unit)
    header = _header(tiles, units, codec, options)
    coded = codec.encode_batch(
        [fill(unit.mosaic.assemble(tiles.image[unit.tiles])) for unit in units],
        _budgets(tiles, units, header, target_bpppb),
    )
    container = Container(
        header,
        tuple(
            Unit(unit.fold, *unit.mosaic.grid, part.payload, part.side)
            for unit, part in zip(units, coded, strict=True)
        ),
    )
    with atomic(file) as draft:
        draft.write_bytes(container.to_bytes())
    return _size(container, units, coded, codec)


def decode_scene(
    file: Path, tiles: Tiles, codec: Codec, options: CodecOptions
) -> NDArray[np.uint16]:
    """Decode a container.

    Args:
        file: a container that `encode_scene` wrote.
        tiles: the scene's tiles, for their places and their nodata; their counts are not used.
        codec: the codec that wrote it.
        options: its options.

    Returns:
        Counts, uint16 [tile, band, y, x], in the order of `tiles`, with their nodata.

    Raises:
        BitstreamError: the file is damaged, or is of another scene or codec.
    """
    units = coding_units(tiles, options.unit)
    image = np.empty_like(tiles.image)
    decoded = _decode(file, tiles, codec, options, units, range(len(units)))
    for unit, canvas in zip(units, decoded, strict=True):
        image[unit.tiles] = unit.mosaic.take_apart(canvas)
    np.copyto(image, NODATA, where=~tiles.valid[:, None])
    return image


def decode_tile(
    file: Path, tiles: Tiles, index: int, codec: Codec, options: CodecOptions
) -> NDArray[np.uint16]:
    """Decode the tile at `index`; read only the header, the index and the tile's unit.

    Args, Raises: see `decode_scene`. Damage elsewhere in the file goes unnoticed.

    Returns:
        Counts, uint16 [band, y, x], with the tile's nodata.
    """
    units = coding_units(tiles, options.unit)
    number = next(i for i, unit in enumerate(units) if index in unit.tiles)
    unit = units[number]
    (canvas,) = _decode(file, tiles, codec, options, units, [number])
    image = unit.mosaic.take_apart(canvas)[unit.tiles.tolist().index(index)]
    return np.where(tiles.only(index).valid[0], image, np.uint16(NODATA))


def _decode(
    file: Path,
    tiles: Tiles,
    codec: Codec,
    options: CodecOptions,
    units: list[CodingUnit],
    wanted: Sequence[int],
) -> list[NDArray[np.uint16]]:
    """Decode the wanted units, after every entry of the index has been checked."""
    source = str(file)
    if not file.is_file():
        raise BitstreamError(f"{source}: no such file. Encode the scene first.")
    with file.open("rb") as opened:
        index = Index.read(opened, source, most=len(tiles))
        _check_header(source, index.header, _header(tiles, units, codec, options))
        if len(index.entries) != len(units):
            raise BitstreamError(
                f"{source}: contains {len(index.entries)} units instead of {len(units)}. Encode "
                "the scene again."
            )
        bands = index.header.bands
        for number, (entry, unit) in enumerate(zip(index.entries, units, strict=True)):
            _check_entry(f"{source}: unit {number}", entry, unit, bands)
        found = [index.unit(number, opened, source) for number in wanted]
    return codec.decode_batch(
        [(unit.payload, unit.side) for unit in found],
        [(bands, *units[number].mosaic.shape) for number in wanted],
    )


def _header(tiles: Tiles, units: list[CodingUnit], codec: Codec, options: CodecOptions) -> Header:
    bands, side = tiles.image.shape[1:3]
    where = places(tiles, units)
    return Header(options.kind, options.unit, bands, side, where, codec.model_digest)


def _check_header(source: str, found: Header, wanted: Header) -> None:
    if (found.codec, found.unit) != (wanted.codec, wanted.unit):
        raise BitstreamError(
            f"{source}: was coded by {found.codec} with unit {found.unit}, not by {wanted.codec} "
            f"with unit {wanted.unit}. Decode with the codec that wrote it, or encode the scene "
            "again."
        )
    if (found.bands, found.tile) != (wanted.bands, wanted.tile):
        raise BitstreamError(
            f"{source}: bands and tile side are {found.bands} and {found.tile}, not "
            f"{wanted.bands} and {wanted.tile}. Decode with the tile store of the coded scene, or "
            "encode the scene again."
        )
    if found.places != wanted.places:
        raise BitstreamError(
            f"{source}: contains tiles of other places, blocks or folds. Decode with the tile "
            "store of the coded scene, or encode the scene again."
        )
    if found.model != wanted.model:
        raise BitstreamError(
            f"{source}: was coded with weights {found.model.hex()}, not {wanted.model.hex()}. "
            "Decode with the weights that coded it, or encode the scene again."
        )


def _check_entry(source: str, entry: Entry, unit: CodingUnit, bands: int) -> None:
    """Refuse a unit of another geometry, or larger than any codec would make it."""
    grid = (entry.fold, entry.rows, entry.cols)
    if grid != (unit.fold, *unit.mosaic.grid):
        raise BitstreamError(
            f"{source}: fold, rows and columns are {grid}, not "
            f"{(unit.fold, *unit.mosaic.grid)}. Encode the scene again."
        )
    height, width = unit.mosaic.shape
    # twice the raw counts, and room for headers and for a few matrices over the bands
    most = 4 * bands * height * width + 2**16 + 8 * bands**2
    if entry.side + entry.payload > most:
        raise BitstreamError(
            f"{source}: {entry.side + entry.payload} bytes are too many for an image of {bands} × "
            f"{height} × {width} counts. Encode the scene again."
        )


def _budgets(
    tiles: Tiles, units: list[CodingUnit], header: Header, target_bpppb: float | None
) -> list[int | None]:
    """Compute the bytes for payload and side information of each unit; None for lossless.

    The container's bytes count towards the target: the unit's entry and its share of the header,
    which is split between the tiles of a fold.
    """
    if target_bpppb is None:
        return [None] * len(units)
    pixels = tiles.valid.sum(axis=(1, 2))
    of_fold = np.bincount(tiles.fold)
    budgets: list[int | None] = []
    for unit in units:
        whole = int(target_bpppb * int(pixels[unit.tiles].sum()) * header.bands / 8)
        own = len(header.entry(unit.fold, *unit.mosaic.grid, (whole,), check=0))
        sharers = int(of_fold[tiles.fold[unit.tiles[0]]]) if header.unit == "tile" else 1
        budgets.append(max(whole - own - ceil(header.size(len(units)) / sharers), 1))
    return budgets


def _size(
    container: Container, units: list[CodingUnit], coded: list[Encoded], codec: Codec
) -> SceneSize:
    sizes = []
    for unit, part, entry in zip(units, coded, container.entry_sizes(), strict=True):
        inner = codec.payload_header(part.payload)
        cost = CodedBytes(len(part.payload) - inner, entry + inner, len(part.side))
        sizes.append(UnitSize(tuple(unit.tiles.tolist()), cost, part.at_floor))
    return SceneSize(container.header.size(len(units)), tuple(sizes))
