"""Measure the cost of the workflow without its jobs: parsing, planning, finding nothing to do.

The large study overlays the demo's configuration with generated scenes, six codecs (two of them
learned), eight rates and five seeds. `snakemake -n` plans it without running it. Parsing takes
turns with parsing an empty workflow; the output shows the minima. To find nothing to do, a finished
study is run again.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from tabulate import tabulate
from timing import minima

ROOT = Path(__file__).resolve().parents[1]
SNAKEMAKE = (sys.executable, "-m", "snakemake")
RUN = (
    *("--cores", "2", "--scheduler", "greedy"),
    *("--rerun-incomplete", "--max-checksum-file-size", "1TB"),
)
"""Options with which the Makefile and profiles/default run Snakemake."""
TRIVIAL = """
rule all:
    input: expand("second/{{i}}", i=range({pairs}))
rule second:
    input: "first/{{i}}"
    output: "second/{{i}}"
    shell: "cp {{input}} {{output}}"
rule first:
    output: "first/{{i}}"
    shell: "touch {{output}}"
"""
"""A workflow with as many trivial jobs, to measure the time that Snakemake itself needs."""
CLASSICAL = ("jpeg2000", "klt-jpeg2000", "jpegxl", "jpeg2000-per-band")
LEARNED = ("dgml", "hyperprior")


@dataclass(frozen=True)
class Done:
    """A finished command: its output, seconds, and peak memory in MB."""

    said: str
    seconds: float
    peak_mb: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=100, help="scenes of the planned study")
    parser.add_argument("--rates", type=int, default=8, help="rate points of each codec")
    parser.add_argument("--seeds", type=int, default=5, help="seeds")
    parser.add_argument("--repeats", type=int, default=5, help="repetitions of the shorter timings")
    parser.add_argument(
        "--finished", type=Path, default=ROOT, help="a copy of the project in which `make` has run"
    )
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        figures = _parsing(scratch, args.repeats)
        overlay = scratch / "study.yaml"
        study = large_study(args.scenes, args.rates, args.seeds)
        overlay.write_text(yaml.safe_dump({**study, "results": str(scratch / "results")}))
        figures |= _planning(overlay, scratch)
    figures |= _nothing_to_do(args.finished, args.repeats)
    print(tabulate(figures.items(), ("what", "value"), floatfmt=".2f"))
    print(json.dumps({name: round(value, 2) for name, value in figures.items()}))


def large_study(scenes: int, rates: int, seeds: int) -> dict[str, Any]:
    """Make an overlay of one dataset: every codec at every rate, each of two folds held out."""
    bpppb = [round(0.025 * 2**step, 3) for step in range(rates)]
    lambdas = [round(0.0005 * 2**step, 4) for step in range(rates)]
    dataset = {
        "title": "Generated scenes",
        "caption": "Planned, never run.",
        "credit": "generated",
        "source": {"recipe": "generated", "side": 128, "seed": 0, "scenes": scenes},
        "quantity": {"name": "reflectance", "unit": "1", "scale": 1e-4, "data_range": 10000},
        "sensor": "sentinel2",
        "pixel_m": 10,
        "bands": ["B02", "B03", "B04", "B08"],
        "tiling": {
            "tile": 64,
            "folds": {"by": "scene", "held_out": [0, 1], "block_tiles": 1, "salt": "0"},
        },
        "rates": {**dict.fromkeys(CLASSICAL, bpppb), **dict.fromkeys(LEARNED, lambdas)},
        "segmenters": ["unet"],
    }
    return {
        "name": "large",
        "run": ["large"],
        "seeds": list(range(seeds)),
        "datasets": {"large": dataset},
    }


def _parsing(scratch: Path, repeats: int) -> dict[str, float]:
    (scratch / "Snakefile").write_text("rule all:\n")
    seconds = minima(
        {
            "empty": lambda: _run([*SNAKEMAKE, "--list-rules"], scratch),
            "own": lambda: _run([*SNAKEMAKE, "--list-rules"], ROOT),
        },
        repeats,
    )
    return {
        "parse_empty_s": seconds["empty"],
        "parse_s": seconds["own"],
        "parse_over_empty_s": seconds["own"] - seconds["empty"],
    }


def _planning(overlay: Path, scratch: Path) -> dict[str, float]:
    options = ["-n", "--quiet", "rules", "--configfile", str(overlay)]
    planned = _run([*SNAKEMAKE, *options], ROOT)
    total = re.search(r"^total +(\d+)$", planned.said, re.MULTILINE)
    if total is None:
        raise SystemExit(f"Snakemake names no number of jobs:\n{planned.said}")
    pairs = int(total[1]) // 2
    (scratch / "Snakefile").write_text(TRIVIAL.format(pairs=pairs))
    trivial = _run([*SNAKEMAKE, "-n", "--quiet", "rules"], scratch)
    return {
        "jobs": int(total[1]),
        "dryrun_s": planned.seconds,
        "dryrun_mb": planned.peak_mb,
        "dryrun_trivial_s": trivial.seconds,
    }


def _nothing_to_do(project: Path, repeats: int) -> dict[str, float]:
    if "Nothing to be done" not in _run([*SNAKEMAKE, "-n", *RUN], project).said:
        print(f"{project}: the study has not run, so the run without work is not timed")
        return {}
    seconds = minima(
        {
            "snakemake": lambda: _run([*SNAKEMAKE, *RUN], project),
            "results": lambda: _run([sys.executable, "scripts/show_results.py"], project),
        },
        repeats,
    )
    return {"noop_s": seconds["snakemake"], "noop_make_s": sum(seconds.values())}


def _run(command: list[str], folder: Path) -> Done:
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    with tempfile.TemporaryFile("w+") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        said = output.read()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}\n{said}")
    return Done(said, seconds, usage.ru_maxrss * 1024 / 1e6)


if __name__ == "__main__":
    main()
