"""Measure the CPU seconds that jobs take to start, in this checkout and in another one.

Each script runs with `--help`, which imports what its arguments need. Scripts with a network also
run a job of one step or one prediction on tiny tiles, because they import torch only then. Both
checkouts take turns; the table quotes the minima of user and system time. The last line is JSON by
script: `startup_cpu_s`, with `--before` also `before_cpu_s`; `numpy_import_cpu_s` gives the scale.

    python bench/startup.py --before ../other-checkout
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tabulate import tabulate

from workflow_lib.data.info import TileInfo
from workflow_lib.data.store import Variable, write_store

ROOT = Path(__file__).resolve().parents[1]
_TRAINING = {"steps": 1, "batch": 2, "crop": 32, "learning_rate": 1e-3, "validate_every": 1}
_CODEC = {"kind": "dgml", "channels": 8, "latents": 16, "training": _TRAINING}
_SEGMENTER = {
    "encoder": "mobilenet_v2",
    "depth": 3,
    "decoder_channels": [8, 8, 8],
    "training": _TRAINING,
}
_CHOSEN = "--tiles scene.zarr --held-out 1 --seed 0"
_JOBS = {
    "train_segmenter": [
        *f"{_CHOSEN} --device cpu --run {{run}} --weights weights --segmenter".split(),
        json.dumps(_SEGMENTER),
    ],
    "score_segmenter": f"{_CHOSEN} --weights weights --regime original --segmenter unet "
    "--scores scores.parquet --predictions predictions.npz".split(),
    "fit_codec": [
        *f"{_CHOSEN} --device cpu --rate 0.01 --run {{run}} --weights codec --codec".split(),
        json.dumps(_CODEC),
    ],
}
"""Arguments of tiny jobs by script; the first job writes the weights that the second needs."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--before", type=Path, help="another checkout to compare with")
    parser.add_argument("--repeats", type=int, default=3, help="repetitions")
    parser.add_argument("--scripts", nargs="+", help="names of scripts (default: all)")
    args = parser.parse_args()
    sides = {"startup_cpu_s": ROOT}
    if args.before:
        sides["before_cpu_s"] = args.before.resolve()
    names = args.scripts or sorted(file.stem for file in (ROOT / "scripts").glob("*.py"))
    names.sort(key=lambda name: name != "train_segmenter")  # it writes the weights to score
    least: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        _write_tiles(Path(folder, "scene.zarr"))
        for turn in range(args.repeats):
            for name in names:
                for side, checkout in sides.items():
                    for label, arguments in _runs(name, f"{side}-{turn}"):
                        script = checkout / "scripts" / f"{name}.py"
                        if not script.exists():
                            continue
                        spent = _cpu_seconds([str(script), *arguments], checkout, folder)
                        known = least.setdefault(label, {})
                        known[side] = min(spent, known.get(side, spent))
        numpy_s = min(_cpu_seconds(["-c", "import numpy"], ROOT, folder) for _ in range(3))
    print(tabulate(_lines(least), ["script", *sides, "ratio"][: len(sides) + 2], floatfmt=".2f"))
    print(json.dumps({**least, "numpy_import_cpu_s": round(numpy_s, 3)}))


def _runs(script: str, turn: str) -> list[tuple[str, list[str]]]:
    """List the commands to run for a script, each as a label and arguments."""
    runs = [(script, ["--help"])]
    if script in _JOBS:
        job = [part.replace("{run}", f"{script}-{turn}") for part in _JOBS[script]]
        runs.append((f"{script}, tiny job", job))
    return runs


def _cpu_seconds(arguments: Sequence[str], checkout: Path, folder: str) -> float:
    """Run Python in `folder` and return its user and system time."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{' '.join(arguments)}: exit status {done.returncode}\n{done.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)
    return round(spent, 3)


def _lines(least: dict[str, dict[str, float]]) -> list[list[object]]:
    return [
        [
            name,
            *known.values(),
            *([known["startup_cpu_s"] / known["before_cpu_s"]] if len(known) == 2 else []),
        ]
        for name, known in least.items()
    ]


def _write_tiles(target: Path) -> None:
    """Write a store of 16 tiles of 32 × 32 pixels, in two folds."""
    rng = np.random.default_rng(0)
    number = np.arange(16, dtype=np.int32)
    label = rng.integers(0, 2, (16, 32, 32)).astype(np.uint8)
    image = rng.integers(500, 1500, (16, 2, 32, 32)).astype(np.uint16) + label[:, None]
    info = TileInfo(
        dataset="generated",
        bands=("a", "b"),
        wavelengths_um=(0.5, 0.6),
        native_fraction=(1.0, 1.0),
        scale=1e-4,
        offset=0.0,
        unit="1",
        data_range=10000,
    )
    variables = {
        "image": Variable(("tile", "band", "y", "x"), image),
        "label": Variable(("tile", "y", "x"), label),
        "row": Variable(("tile",), number // 4),
        "col": Variable(("tile",), number % 4),
        "block": Variable(("tile",), number),
        "fold": Variable(("tile",), number % 2),
        "validation": Variable(("tile",), (number % 4 == 0).astype(np.uint8)),
    }
    write_store(variables, {"scene": "scene", "info": info.canonical()}, target, 16)


if __name__ == "__main__":
    main()
