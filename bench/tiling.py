"""Compare tiling with a plain read of the same scene, and with rioxarray and `to_zarr`.

The scene is simulated, with the size of a Sentinel-2 tile with ten bands of 10 m. It has smooth
fields that all bands share, sensor noise, and a corner of nodata. Each method runs in a separate
process, to measure its peak memory. All methods get the same number of threads. MB are 10⁶ bytes of
the scene's uncompressed pixels, including the label.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dask
import numpy as np
import rasterio
import xarray as xr
from affine import Affine
from scipy.ndimage import gaussian_filter
from tabulate import tabulate

from workflow_lib.config.datasets import Budget, Folds, Tiling
from workflow_lib.data.scenes import new_scene, windows
from workflow_lib.data.store import encoding, tiles_per_shard
from workflow_lib.data.tiles import TileInfo
from workflow_lib.data.tiling import write_tiles

BANDS = tuple(f"B{number}" for number in range(10))
TILE = 128
_PATTERN = 2048


def simulate(scene: Path, side: int) -> None:
    """Write a simulated scene of `side` × `side` pixels, window by window."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(_PATTERN, _PATTERN)).astype(np.float32)
    fields = [gaussian_filter(noise, s, mode="wrap") * s for s in (1.5, 4, 12)]
    weights = rng.uniform(100, 600, (len(BANDS), 3)).astype(np.float32)
    grain = 12 * rng.standard_normal((len(BANDS), 2 * _PATTERN, 2 * _PATTERN), np.float32)
    crs = rasterio.CRS.from_epsg(32632)
    with (
        rasterio.Env(GDAL_NUM_THREADS="ALL_CPUS"),
        new_scene(scene, BANDS, (side, side), Affine(10, 0, 5e5, 0, -10, 5e6), crs) as file,
    ):
        for window in windows(side, side):
            rows = (window.row_off + np.arange(window.height)) % _PATTERN
            cols = (window.col_off + np.arange(window.width)) % _PATTERN
            smooth = np.stack([field[np.ix_(rows, cols)] for field in fields])
            image = 2500 + np.tensordot(weights, smooth, 1)
            y, x = rng.integers(0, _PATTERN, 2)  # the noise does not repeat within a deflate window
            image += grain[:, y : y + window.height, x : x + window.width]
            counts = image.clip(1, 65535).astype(np.uint16)
            corner = np.add.outer(
                window.row_off + np.arange(window.height), window.col_off + np.arange(window.width)
            )
            counts[:, corner < side // 4] = 0
            file.write(counts, (smooth[2] > 0.5).astype(np.uint8), window)


def read_plainly(scene: Path) -> None:
    """Read with one open dataset, block by block, in one thread."""
    with rasterio.open(scene) as raster:
        for _, window in raster.block_windows(1):
            raster.read(window=window)


def read_in_threads(scene: Path, threads: int) -> None:
    """Read in several threads, each with its own open dataset, and in larger windows."""
    own = threading.local()

    def read(window: rasterio.windows.Window) -> None:
        if not hasattr(own, "raster"):
            own.raster = rasterio.open(scene)
        own.raster.read(window=window)

    with rasterio.open(scene) as raster:
        parts = list(windows(raster.height, raster.width))
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(read, parts))


def tile(scene: Path, threads: int, memory_mb: int) -> None:
    """Tile with this project's `write_tiles`."""
    info = TileInfo(
        dataset="simulated",
        bands=BANDS,
        wavelengths_um=(1.0,) * len(BANDS),
        native_fraction=(1.0,) * len(BANDS),
        scale=1e-4,
        offset=0.0,
        unit="1",
        data_range=10000,
    )
    tiling = Tiling(tile=TILE, min_valid=0.25, folds=Folds(block_tiles=4, salt="0"))
    budget = Budget(threads=threads, memory_mb=memory_mb)
    write_tiles(scene, "s", info, "reflectance", tiling, scene.with_name("ours.zarr"), budget)


def through_rioxarray(scene: Path, threads: int) -> None:
    """Tile with rioxarray: equal tiles, chunks, shards and compression, but nodata tiles stay."""
    import rioxarray

    with dask.config.set(scheduler="threads", num_workers=threads):
        pixels = rioxarray.open_rasterio(
            scene, chunks={"band": -1, "y": 2 * TILE, "x": -1}, lock=False
        )
        beyond = {axis: (0, -pixels.sizes[axis] % TILE) for axis in ("y", "x")}
        cells = (
            pixels.pad(beyond, constant_values=0)
            .drop_vars(["x", "y", "band", "spatial_ref"])
            .coarsen(y=TILE, x=TILE)
            .construct(y=("row", "in_y"), x=("col", "in_x"))
            .stack(tile=("row", "col"), create_index=False)
            .transpose("tile", "band", "in_y", "in_x")
        )
        per_shard = tiles_per_shard(len(BANDS) + 1, TILE)
        cells = cells.chunk({"tile": per_shard, "band": -1, "in_y": -1, "in_x": -1})
        data = xr.Dataset(
            {
                "image": cells.isel(band=slice(0, -1)),
                "label": cells.isel(band=-1).astype(np.uint8),
            }
        )
        for name in data.data_vars:
            data[name].attrs, data[name].encoding = {}, {}
        how = {name: encoding(name, data[name].shape, per_shard) for name in ("image", "label")}
        data.attrs = {}
        data.to_zarr(scene.with_name("theirs.zarr"), consolidated=False, encoding=how)


WAYS: dict[str, Callable[[Path, int, int], None]] = {
    "rasterio, one thread": lambda scene, threads, memory_mb: read_plainly(scene),
    "rasterio, all threads": lambda scene, threads, memory_mb: read_in_threads(scene, threads),
    "tiling": tile,
    "rioxarray": lambda scene, threads, memory_mb: through_rioxarray(scene, threads),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=10_980, help="side of the scene, in pixels")
    parser.add_argument(
        "--threads", type=int, default=os.cpu_count(), help="threads of all variants but one"
    )
    parser.add_argument("--memory-mb", type=int, default=2000, help="memory limit of tiling")
    parser.add_argument(
        "--repeats", type=int, default=1, help="repetitions, of which the fastest counts"
    )
    parser.add_argument("--folder", type=Path, help="folder for the scene and the stores")
    parser.add_argument("--way", choices=["simulate", *WAYS], help=argparse.SUPPRESS)
    parser.add_argument("--scene", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.way == "simulate":
        simulate(args.scene, args.side)
    elif args.way:
        started, spent = time.perf_counter(), time.process_time()
        WAYS[args.way](args.scene, args.threads, args.memory_mb)
        figures = {"seconds": time.perf_counter() - started, "cpu_s": time.process_time() - spent}
        figures["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
        print(json.dumps(figures))
    else:
        compare(args)


def compare(args: argparse.Namespace) -> None:
    """Simulate the scene, run the methods in turns, and print their time and memory."""
    size = 2 * (len(BANDS) + 1) * args.side**2 / 1e6
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        free = shutil.disk_usage(folder).free / 1e6
        if free < 4 * size:
            sys.exit(f"error: {folder}: {4 * size:.0f} MB are needed, {free:.0f} MB are free.")
        scene = Path(folder) / "s.tif"
        _run(["--way", "simulate", "--scene", str(scene), "--side", str(args.side)])
        taken: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
        stored: dict[str, float] = {}
        for _ in range(args.repeats):
            for way in WAYS:
                os.sync()  # write what the previous method left in the cache
                options = ["--threads", str(args.threads), "--memory-mb", str(args.memory_mb)]
                printed = _run(["--way", way, "--scene", str(scene), *options])
                taken[way].append(json.loads(printed.splitlines()[-1]))
                for store in Path(folder).glob("*.zarr"):
                    stored[way] = sum(f.stat().st_size for f in store.rglob("*") if f.is_file())
                    shutil.rmtree(store)
        on_disk = scene.stat().st_size / 1e6
    least = {way: min(turn["seconds"] for turn in turns) for way, turns in taken.items()}
    spent = {way: min(turn["cpu_s"] for turn in turns) for way, turns in taken.items()}
    peaks = {way: max(turn["peak_mb"] for turn in turns) for way, turns in taken.items()}
    rows = [
        (way, least[way], size / least[way], spent[way], peaks[way], stored.get(way, 0) / 1e6)
        for way in WAYS
    ]
    print(
        f"{args.side} × {args.side} pixels, {len(BANDS)} bands and label, simulated: {size:.0f} MB,"
        f" {on_disk:.0f} MB as GeoTIFF; {args.threads} threads"
    )
    headers = ("way", "seconds", "MB/s", "CPU s", "peak MB", "written MB")
    print(tabulate(rows, headers, floatfmt=".1f"))
    ours = least["tiling"]
    figures = {
        "over_rasterio": least["rasterio, one thread"] / ours,
        "over_rasterio_all_threads": least["rasterio, all threads"] / ours,
        "over_rioxarray": least["rioxarray"] / ours,
        "peak_mb": peaks["tiling"],
        "mb_per_s": size / ours,
        "threads": args.threads,
    }
    print(json.dumps({name: round(value, 3) for name, value in figures.items()}))


def _run(arguments: list[str]) -> str:
    command = [sys.executable, __file__, *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    main()
