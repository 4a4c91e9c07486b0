"""A scene's tiles into one container file, and back."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workflow_lib.codecs.base import Codec, CodedBytes
from workflow_lib.codecs.container import HEADER_BYTES, Container, Unit
from workflow_lib.codecs.mosaic import Mosaic, fill
from workflow_lib.data.scenes import NODATA
from workflow_lib.data.tiles import Tiles
from workflow_lib.errors import BitstreamError
from workflow_lib.files import atomic


@dataclass(frozen=True)
class UnitSize:
    """What one coding unit costs on disk.

    Attributes:
        fold: which fold.
        coded: its bytes; the header is the file's, as charged to the unit, and the payload's own.
        at_floor: the codec could not go as low as asked.
    """

    fold: int
    coded: CodedBytes
    at_floor: bool


def encode_scene(
    tiles: Tiles, codec: Codec, kind: str, target_bpppb: float | None, file: Path
) -> list[UnitSize]:
    """Code every fold of a scene as one unit and write the container.

    Args:
        tiles: all tiles of one scene.
        codec: the codec at its rate point.
        kind: the codec's kind.
        target_bpppb: all bytes of a unit count towards this target, None asks for no loss; learned
            codecs, whose rate follows from λ, take what they need.
        file: the container's file.

    Returns:
        The size of each unit.
    """
    units, sizes = [], []
    for fold in np.unique(tiles.fold).tolist():
        part = tiles.of_fold(fold)
        mosaic = Mosaic.of(part)
        coded = codec.encode(fill(mosaic.assemble(part.image)), _budget(part, target_bpppb))
        height, width = (side // mosaic.tile for side in mosaic.shape)
        units.append(Unit(fold, len(part), height, width, coded.payload, coded.side))
        inner = codec.payload_header(coded.payload)
        sizes.append(
            UnitSize(
                fold=fold,
                coded=CodedBytes(
                    payload=len(coded.payload) - inner,
                    header=HEADER_BYTES + inner,
                    side=len(coded.side),
                ),
                at_floor=coded.at_floor,
            )
        )
    container = Container(kind, len(tiles.info.bands), tiles.image.shape[-1], tuple(units))
    with atomic(file) as draft:
        draft.write_bytes(container.to_bytes())
    return sizes


def _budget(part: Tiles, target: float | None) -> int | None:
    """Bytes that a unit may take besides its header."""
    if target is None:
        return None
    samples = int(part.valid.sum()) * len(part.info.bands)
    return max(int(target * samples / 8) - HEADER_BYTES, 1)


def decode_scene(file: Path, tiles: Tiles, codec: Codec, kind: str) -> NDArray[np.uint16]:
    """Decode a container.

    Args:
        file: what `encode_scene` wrote.
        tiles: the scene's tiles, for their places and for where nodata is; their counts do not
            enter.
        codec: the codec that wrote it.
        kind: its kind.

    Returns:
        Counts, uint16 [tile, band, y, x], in the order of `tiles`; nodata where they have it.

    Raises:
        BitstreamError: damaged bytes, or another scene's.
    """
    container = Container.from_bytes(file.read_bytes(), str(file))
    found = (container.codec, container.bands, container.tile, {u.fold for u in container.units})
    bands, side = tiles.image.shape[1:3]
    wanted = (kind, bands, side, set(tiles.fold.tolist()))
    if found != wanted or len(container.units) != len(wanted[-1]):
        raise BitstreamError(
            f"{file}: codec, bands, tile side and folds are {found}, not {wanted}. Encode again."
        )
    image = np.full_like(tiles.image, NODATA)
    for unit in container.units:
        own = tiles.fold == unit.fold
        part = tiles.of_fold(unit.fold)
        if len(part) != unit.tiles:
            raise BitstreamError(f"{file}: fold {unit.fold} holds other tiles. Encode again.")
        mosaic = Mosaic.of(part)
        shape = (container.bands, *mosaic.shape)
        if (unit.rows * container.tile, unit.cols * container.tile) != mosaic.shape:
            raise BitstreamError(f"{file}: fold {unit.fold} has another mosaic. Encode again.")
        image[own] = mosaic.take_apart(codec.decode(unit.payload, unit.side, shape))
    return np.where(tiles.valid[:, None], image, np.uint16(NODATA))
