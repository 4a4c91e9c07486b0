"""The tile store of one scene (Zarr v3): one chunk per tile, many tiles per shard."""

import hashlib
import json
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from zarr.codecs import BloscCodec
from zarr.core.buffer import default_buffer_prototype
from zarr.storage import MemoryStore

from workflow_lib.data.info import TileInfo
from workflow_lib.data.scenes import NODATA
from workflow_lib.data.tiles import Tiles
from workflow_lib.errors import DownlinkError
from workflow_lib.files import atomic, joined_sha256, tree_files, tree_sha256, unsynchronised
from workflow_lib.paths import manifest

_SHARD_BYTES = 16 * 2**20
_REMEDY = "`make repair`, with the STUDY= that it was made with, makes it again."


def tiles_per_shard(bands: int, side: int) -> int:
    """How many tiles of uint16 [band, y, x] share a file."""
    return max(1, _SHARD_BYTES // (2 * bands * side**2))


def encoding(name: str, shape: tuple[int, ...], per_shard: int) -> dict[str, Any]:
    """How Zarr keeps an array of tiles: in chunks, shards and a compression."""
    how: dict[str, Any] = {"chunks": (1, *shape[1:]), "shards": (per_shard, *shape[1:])}
    if name == "image":
        # On counts of 12 to 16 bits smaller than Zarr's own Zstandard, and five times as fast.
        how["compressors"] = (BloscCodec(cname="lz4", clevel=5, shuffle="bitshuffle"),)
    return how


def write_store(data: xr.Dataset, target: Path, per_shard: int) -> None:
    """Write a store from tiles in memory and, when it is complete, its manifest.

    Args:
        data: tiles along the first dimension of every variable.
        target: the store's folder.
        per_shard: tiles per shard.
    """
    with unsynchronised(target) as draft:
        describe_store(data, draft, per_shard)
    write_manifest(target)


def describe_store(data: xr.Dataset, target: Path, per_shard: int) -> None:
    """Write coordinates, attributes and what is in memory, but none of the lazy tiles.

    Args:
        data: as for `write_store`.
        target: the store's folder.
        per_shard: tiles per shard.
    """
    how = {
        name: encoding(str(name), data[name].shape, per_shard)
        for name in data.data_vars
        if name != "crs"
    }
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The data type")
        data.to_zarr(target, zarr_format=3, consolidated=False, encoding=how, compute=False)


def write_manifest(store: Path, threads: int = 1) -> None:
    """Write the manifest of a complete store: its digest."""
    with atomic(Path(manifest(str(store)))) as draft:
        draft.write_text(json.dumps({"sha256": tree_sha256(store, threads)}) + "\n")


def read_tiles(stores: list[Path], held_out: int | None = None) -> Tiles:
    """The tiles of some scenes of one dataset, in the stores' order.

    Args:
        stores: the scenes' stores.
        held_out: the fold that is test; without one all tiles are for training and validation.

    Raises:
        DownlinkError: a store is damaged or missing.
    """
    return concatenate([_read_store(store) for store in stores]).holding_out(held_out)


def concatenate(parts: list[Tiles]) -> Tiles:
    """Tiles of several scenes as one set."""
    names = [name for name in vars(parts[0]) if name != "info"]
    arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    return Tiles(**arrays, info=parts[0].info)


def _read_store(store: Path) -> Tiles:
    with _opened(store) as data:
        return Tiles(
            image=data["image"].values,
            label=data["label"].values,
            scene=np.full(data.sizes["tile"], data.attrs["scene"]),
            row=data["row"].values,
            col=data["col"].values,
            block=data["block"].values,
            fold=data["fold"].values,
            validation=data["validation"].values.astype(bool),
            split=np.full(data.sizes["tile"], "train"),
            info=TileInfo.parse(data.attrs["info"]),
        )


def write_reconstruction(tiles: Tiles, image: NDArray[np.uint16], target: Path) -> None:
    """Store the decoded tiles of one scene.

    Args:
        tiles: the scene's originals.
        image: decoded counts, uint16 [tile, band, y, x], in the order of `tiles`.
        target: the store's folder.
    """
    data = xr.Dataset(
        {"image": (("tile", "band", "y", "x"), image)},
        coords={"row": ("tile", tiles.row), "col": ("tile", tiles.col)},
        attrs={"scene": str(tiles.scene[0])},
    )
    write_store(data, target, tiles_per_shard(image.shape[1], image.shape[-1]))


def read_reconstructions(tiles: Tiles, stores: list[Path]) -> Tiles:
    """`tiles` with the decoded counts in place of the original ones; nodata stays nodata.

    Args:
        tiles: originals of the scenes, as `read_tiles` gives them.
        stores: the scenes' reconstructions, in the same order.

    Raises:
        DownlinkError: a store is damaged, missing, or of other tiles.
    """
    images = []
    for store in stores:
        with _opened(store) as data:
            own = tiles.scene == data.attrs["scene"]
            if not (
                np.array_equal(data["row"].values, tiles.row[own])
                and np.array_equal(data["col"].values, tiles.col[own])
            ):
                raise DownlinkError(f"{store}: holds other tiles. {_REMEDY}")
            images.append(data["image"].values)
    image = np.concatenate(images)
    return replace(tiles, image=np.where(tiles.valid[:, None], image, np.uint16(NODATA)))


def _opened(store: Path) -> xr.Dataset:
    try:
        data: xr.Dataset = xr.open_zarr(
            _in_memory(store), consolidated=False, mask_and_scale=False, chunks=None
        )
    except (OSError, KeyError, ValueError) as error:
        raise DownlinkError(
            f"{store}: this is no readable tile store ({error}). {_REMEDY}"
        ) from error
    return data


def _in_memory(store: Path) -> MemoryStore:
    """The store's files, each read once and from end to end, and found to be those written.

    zarr would read a shard that is not full, as a scene's last one is, chunk by chunk; and what is
    missing of a store it would take for zeros.
    """
    contents = {name: file.read_bytes() for name, file in tree_files(store).items()}
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    if joined_sha256(digests) != _manifested(store):
        raise ValueError("its files are not those that its manifest was made for")
    buffer = default_buffer_prototype().buffer
    return MemoryStore({name: buffer.from_bytes(content) for name, content in contents.items()})


def _manifested(store: Path) -> object:
    """The digest in the manifest."""
    return json.loads(Path(manifest(str(store))).read_text())["sha256"]
