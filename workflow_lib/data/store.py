"""The tile store of one scene (Zarr v3): one chunk per tile, many tiles per shard.

Jobs read and write stores with zarr alone: importing xarray and pandas takes longer than most jobs
work. The layout is still the one that xarray writes, so that users can open stores with xarray.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import BloscCodec
from zarr.core.buffer import default_buffer_prototype
from zarr.storage import MemoryStore

from workflow_lib.data.info import TileInfo
from workflow_lib.data.pixel_values import NODATA
from workflow_lib.data.tiles import Tiles
from workflow_lib.errors import DownlinkError
from workflow_lib.files import atomic, joined_sha256, tree_files, tree_sha256, unsynchronised
from workflow_lib.notes import note_input
from workflow_lib.paths import manifest

_SHARD_BYTES = 16 * 2**20
_REMEDY = "Run `make repair` with the STUDY= that made it."


def tiles_per_shard(bands: int, side: int) -> int:
    """Number of tiles, uint16 [band, y, x], in one shard file."""
    return max(1, _SHARD_BYTES // (2 * bands * side**2))


@dataclass(frozen=True)
class Variable:
    """An array of a store.

    Attributes:
        dimensions: names of the dimensions.
        values: array of any dtype that Zarr supports; text has dtype object.
        attributes: metadata by name, in JSON's types, following the CF conventions.
    """

    dimensions: tuple[str, ...]
    values: NDArray[Any]
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def of_pixels(self) -> bool:
        """Whether the array holds pixels of tiles; these have one chunk per tile, in shards."""
        return self.dimensions[-1:] == ("x",)


def write_store(
    variables: Mapping[str, Variable], attributes: Mapping[str, str], target: Path, per_shard: int
) -> None:
    """Write a store from tiles in memory; write its manifest when the store is complete.

    Args:
        variables: the arrays by name.
        attributes: metadata of the store.
        target: the store's folder.
        per_shard: tiles per shard.
    """
    with unsynchronised(target) as draft:
        store = describe_store(variables, attributes, draft, per_shard)
        for name, variable in variables.items():
            if variable.of_pixels:
                _array(store, name)[...] = variable.values
    write_manifest(target)


def describe_store(
    variables: Mapping[str, Variable], attributes: Mapping[str, str], target: Path, per_shard: int
) -> zarr.Group:
    """Write a store without its pixels.

    Args:
        variables, attributes, target, per_shard: as for `write_store`.

    Returns:
        The open store, to which the caller writes the pixels.
    """
    store = zarr.create_group(target, zarr_format=3, attributes=dict(attributes))
    for name, variable in variables.items():
        values = variable.values
        array = store.create_array(
            name,
            shape=values.shape,
            dtype="string" if values.dtype == object else values.dtype,
            fill_value=_fill_value(values.dtype),
            dimension_names=variable.dimensions,
            attributes=dict(variable.attributes),
            **_layout(name, variable, per_shard),
        )
        if not variable.of_pixels:
            array[...] = values
    return store


def _layout(name: str, variable: Variable, per_shard: int) -> dict[str, Any]:
    """Choose chunks, shards and compression of an array."""
    shape = variable.values.shape
    if not variable.of_pixels:
        return {"chunks": shape}
    layout: dict[str, Any] = {"chunks": (1, *shape[1:]), "shards": (per_shard, *shape[1:])}
    if name == "image":
        # For counts of 12 to 16 bits, smaller and five times as fast as Zarr's default Zstandard.
        layout["compressors"] = (BloscCodec(cname="lz4", clevel=5, shuffle="bitshuffle"),)
    return layout


def _fill_value(dtype: np.dtype[Any]) -> Any:
    """Value of the chunks that are not stored."""
    return {"f": np.nan, "O": ""}.get(dtype.kind, 0)


def write_manifest(store: Path, threads: int = 1) -> None:
    """Write the manifest of a complete store, which contains the store's digest."""
    with atomic(Path(manifest(str(store)))) as draft:
        draft.write_text(json.dumps({"sha256": tree_sha256(store, threads)}) + "\n")


def read_tiles(stores: list[Path], held_out: int | None = None) -> Tiles:
    """Read the tiles of scenes of one dataset, in the order of the stores.

    Args:
        stores: the scenes' stores.
        held_out: the test fold; None uses all tiles for training and validation.

    Raises:
        DownlinkError: a store is damaged or missing.
    """
    return concatenate([_read_store(store) for store in stores]).holding_out(held_out)


def concatenate(parts: list[Tiles]) -> Tiles:
    """Concatenate the tiles of several scenes of one dataset."""
    names = [name for name in vars(parts[0]) if name != "info"]
    arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    return Tiles(**arrays, info=parts[0].info)


def _read_store(path: Path) -> Tiles:
    store = _opened(path)
    info = TileInfo.parse(str(store.attrs["info"]))
    row = _values(store, "row")
    return Tiles(
        image=_values(store, "image"),
        label=_values(store, "label"),
        scene=np.full(len(row), store.attrs["scene"]),
        row=row,
        col=_values(store, "col"),
        block=_values(store, "block"),
        fold=_values(store, "fold"),
        validation=_values(store, "validation").astype(bool),
        split=np.full(len(row), "train"),
        info=info,
    )


def write_reconstruction(tiles: Tiles, image: NDArray[np.uint16], target: Path) -> None:
    """Write the decoded tiles of one scene to a store.

    Args:
        tiles: the scene's originals.
        image: decoded counts, uint16 [tile, band, y, x], in the order of `tiles`.
        target: the store's folder.
    """
    places = {"coordinates": "col row"}
    variables = {
        "image": Variable(("tile", "band", "y", "x"), image, places),
        "row": Variable(("tile",), tiles.row),
        "col": Variable(("tile",), tiles.col),
    }
    per_shard = tiles_per_shard(image.shape[1], image.shape[-1])
    write_store(variables, {"scene": str(tiles.scene[0])}, target, per_shard)


def read_reconstructions(tiles: Tiles, stores: list[Path]) -> Tiles:
    """Return `tiles` with decoded counts instead of original counts; nodata stays nodata.

    Args:
        tiles: originals of the scenes, as `read_tiles` returns them.
        stores: the scenes' reconstructions, in the same order.

    Raises:
        DownlinkError: a store is damaged or missing, or contains other tiles.
    """
    images = []
    for path in stores:
        store = _opened(path)
        own = tiles.scene == store.attrs["scene"]
        for name, expected in (("row", tiles.row[own]), ("col", tiles.col[own])):
            if not np.array_equal(_values(store, name), expected):
                raise DownlinkError(f"{path}: this store contains other tiles. {_REMEDY}")
        images.append(_values(store, "image"))
    image = np.concatenate(images)
    return replace(tiles, image=np.where(tiles.valid[:, None], image, np.uint16(NODATA)))


def _opened(path: Path) -> zarr.Group:
    try:
        return zarr.open_group(_in_memory(path), mode="r", zarr_format=3)
    except (OSError, KeyError, ValueError) as error:
        raise DownlinkError(
            f"{path}: this is not a readable tile store ({error}). {_REMEDY}"
        ) from error


def _values(store: zarr.Group, name: str) -> NDArray[Any]:
    return np.asarray(_array(store, name)[...])


def _array(store: zarr.Group, name: str) -> zarr.Array[Any]:
    array = store[name]
    assert isinstance(array, zarr.Array)
    return array


def _in_memory(store: Path) -> MemoryStore:
    """Read a store's files into memory, and check them against the manifest.

    Each file is read once, from start to end. Zarr would read a shard that is not full chunk by
    chunk, and would take a missing file for zeros. The last shard of a scene is rarely full.

    Raises:
        ValueError: the files do not match the manifest.
    """
    contents = {name: file.read_bytes() for name, file in tree_files(store).items()}
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    found = joined_sha256(digests)
    if found != _manifested(store):
        raise ValueError("its files do not match its manifest")
    note_input(store, found)
    buffer = default_buffer_prototype().buffer
    return MemoryStore({name: buffer.from_bytes(content) for name, content in contents.items()})


def _manifested(store: Path) -> object:
    """Read the digest in a store's manifest."""
    return json.loads(Path(manifest(str(store))).read_text())["sha256"]
