"""Cut a scene into shards of tiles with dask, within a budget of threads and memory.

Threads read a strip in pieces. Its tiles join a queue in the grid's order. Full shards are written
while the next strips are read. Reading a strip waits until the shards of an earlier strip are
written: this edge of dask's graph bounds the memory.
"""

import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import rasterio
from dask.base import compute
from dask.delayed import Delayed, delayed
from tqdm.dask import TqdmCallback

from workflow_lib.config.datasets import Budget
from workflow_lib.data.scene_strips import Cell, Found, Piece, StripGrid, read_tiles
from workflow_lib.data.shards import Shards
from workflow_lib.errors import DownlinkError

# Memory in bytes of Python's libraries, and of Snakemake's processes in the same cluster job.
_LIBRARIES = 700 * 10**6
_CACHE = 16 * 2**20


@dataclass(frozen=True)
class _Queue:
    """Tiles that wait to be written into shards, in the grid's order.

    Attributes:
        following: number of the first shard after the full ones.
        full: tiles of each shard that is ready to be written.
        rest: tiles that do not fill a shard yet.
        cells: grid cells of the tiles that joined last.
    """

    following: int = 0
    full: tuple[tuple[Found, ...], ...] = ()
    rest: tuple[Found, ...] = ()
    cells: tuple[Cell, ...] = ()

    def joined_by(self, tiles: Iterable[Found], per_shard: int) -> "_Queue":
        """Return a queue with a strip's tiles added; earlier full shards are dropped."""
        new = sorted(tiles, key=lambda found: (found.cell.row, found.cell.col))
        line = [*self.rest, *new]
        end = len(line) // per_shard * per_shard
        return _Queue(
            self.following + end // per_shard,
            tuple(tuple(line[i : i + per_shard]) for i in range(0, end, per_shard)),
            # Copy, because a view would keep the whole piece in memory.
            tuple(replace(found, pixels=found.pixels.copy()) for found in line[end:]),
            tuple(found.cell for found in new),
        )


def cut(
    scene: Path, grid: StripGrid, min_valid: float, shards: Shards, budget: Budget
) -> list[Cell]:
    """Read a scene and write the tiles with enough valid pixels into shards.

    Args:
        scene: the GeoTIFF that `write_scene` wrote.
        grid: the scene's grid of tiles.
        min_valid: smallest share of valid pixels in a tile, 0 to 1.
        shards: writer of the shards.
        budget: threads and memory; the content of the shards does not depend on it.

    Returns:
        The grid cells of the written tiles, in order.

    Raises:
        DownlinkError: the budget's memory is too small for one strip.
        RasterioIOError: the raster is damaged.
    """
    ahead = _strips_at_once(grid, shards, budget)
    cells = _plan(scene, grid, min_valid, shards, ahead)
    with (
        rasterio.Env(GDAL_CACHEMAX=_CACHE * budget.threads),
        TqdmCallback(desc="tiling", mininterval=0.2 if sys.stderr.isatty() else 15),
        ThreadPoolExecutor(
            budget.threads
        ) as pool,  # its exit waits for running tasks, also after an error
    ):
        (done,) = compute(cells, scheduler="threads", pool=pool)
    return list(chain.from_iterable(done))


def _strips_at_once(grid: StripGrid, shards: Shards, budget: Budget) -> int:
    per_thread = _CACHE + grid.piece_bytes
    fixed = _LIBRARIES + budget.threads * per_thread + shards.bytes_each
    if fixed + grid.strip_bytes > budget.memory_mb * 10**6:
        needed = -(-(fixed + grid.strip_bytes) // 10**6)
        raise DownlinkError(
            f"configuration: tiling_budget.memory_mb: {budget.memory_mb} MB is too little for a "
            f"scene of {grid.height} × {grid.width} pixels and {grid.layers - 1} bands on "
            f"{budget.threads} threads; {needed} MB is enough. Allow more memory, or lower "
            "tiling_budget.threads."
        )
    allowed = (budget.memory_mb * 10**6 - fixed) // grid.strip_bytes
    useful = 2 + 4 * budget.threads // len(grid.strips()[0])
    return min(allowed, useful)


def _plan(
    scene: Path, grid: StripGrid, min_valid: float, shards: Shards, ahead: int
) -> list[Delayed]:
    def read(piece: Piece, _before: object) -> list[Found]:
        return read_tiles(scene, grid, piece, min_valid)

    def line_up(queue: _Queue, *pieces: list[Found]) -> _Queue:
        return queue.joined_by(chain.from_iterable(pieces), shards.tiles_each)

    def write(queue: _Queue, slot: int) -> None:
        if slot < len(queue.full):
            number = queue.following - len(queue.full) + slot
            shards.write(number, [found.pixels for found in queue.full[slot]])

    def write_rest(queue: _Queue) -> list[Cell]:
        if queue.rest:
            shards.write(queue.following, [found.pixels for found in queue.rest])
        return []

    def left(queue: _Queue) -> _Queue:
        return replace(queue, full=(), cells=())

    def cells(queue: _Queue, *_after: object) -> tuple[Cell, ...]:
        return queue.cells

    most = grid.strip_tiles // shards.tiles_each + 1
    waiting = delayed(_Queue)()
    done: list[Delayed] = []
    for number, pieces in enumerate(grid.strips()):
        before = done[number - ahead] if number >= ahead else None
        # Pieces are arguments, not a list: dask would optimise the whole graph for each list.
        queue = delayed(line_up)(waiting, *(delayed(read)(piece, before) for piece in pieces))
        waiting = delayed(left)(queue)
        written = [delayed(write)(queue, slot) for slot in range(most)]
        done.append(delayed(cells)(queue, waiting, *written))
    return [*done, delayed(write_rest)(waiting)]
