"""Measure the cost of provenance in a finished study: seconds spent on sidecars and digests.

Every sidecar contains the seconds spent on it. For each job, this script adds the time to write
the file and to import the recording modules. Jobs that only gather digests count completely,
including the start of Python. The script estimates hashing outside sidecars from the number of
bytes. The digests of code count once.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from tabulate import tabulate
from timing import minima

from workflow_lib import cli
from workflow_lib.config import study_files
from workflow_lib.files import atomic
from workflow_lib.provenance.sidecar import Sidecar

_OTHERS = "import argparse, ast, datetime, hashlib, json, logging, pathlib, platform, subprocess"
"""Modules that a job imports even without recording."""
_SPENT = (
    "seconds in sidecars",
    "writing and importing",
    "gathering",
    "hashing besides",
    "digests of code",
)
_CODE = """
from pathlib import Path
from workflow_lib.provenance.digests import code_digest
for script in sorted(Path("scripts").glob("*.py")):
    code_digest(str(script))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    study_files.add_arguments(parser)
    parser.add_argument("--repeats", type=int, default=10, help="repetitions of each timing")
    args = parser.parse_args()
    results = study_files.load(args.study).results
    jobs = [Sidecar.read(file) for file in sorted(Path(results, "provenance").rglob("*.json"))]
    gathering = [job for job in jobs if job.rule.startswith("gather_")]
    working = [job for job in jobs if not job.rule.startswith("gather_")]
    writing, importing, start = _seconds_here(working[0], args.repeats)
    figures = {
        "jobs": float(len(jobs)),
        "seconds of work": sum(job.seconds for job in working),
        "seconds in sidecars": sum(job.recording_s for job in working),
        "writing and importing": len(working) * (writing + importing),
        "gathering": sum(job.seconds + start for job in gathering),
        "hashing besides": sum(map(_hashed, jobs)) * _seconds_per_byte(args.repeats),
        "digests of code": _code_seconds(args.repeats),
    }
    spent = sum(figures[name] for name in _SPENT)
    figures["percent"] = 100 * spent / figures["seconds of work"]
    print(tabulate(figures.items(), ("what", "value"), floatfmt=".2f"))
    print(json.dumps({name: round(value, 2) for name, value in figures.items()}))


def _seconds_here(job: Sidecar, repeats: int) -> tuple[float, float, float]:
    """Measure seconds to write a sidecar, to import the recording modules, and to start Python."""
    with tempfile.TemporaryDirectory() as folder:

        def written() -> None:
            with atomic(Path(folder) / "sidecar.json") as draft:
                draft.write_text(job.to_text(), encoding="utf-8")

        timed = minima(
            {
                "writing": written,
                "bare": lambda: _python(_OTHERS),
                "recording": lambda: _python(f"{_OTHERS}\nimport workflow_lib.provenance.record"),
                "start": lambda: _python("pass"),
            },
            repeats,
        )
    return timed["writing"], max(0.0, timed["recording"] - timed["bare"]), timed["start"]


def _hashed(job: Sidecar) -> int:
    """Count the bytes that are hashed for a job outside its sidecar."""
    hashed = [name for name in job.outputs if name.endswith(".zarr")]
    for name in job.inputs:
        store = name.removesuffix(".manifest.json") + ".zarr"
        hashed += [name, store] if Path(store).is_dir() else [name]
    return sum(map(_size, hashed))


@cache
def _size(path: str) -> int:
    """Return the size of a file or folder in bytes; 0 if it is gone."""
    found = Path(path)
    if found.is_dir():
        return sum(file.stat().st_size for file in found.rglob("*") if file.is_file())
    return found.stat().st_size if found.exists() else 0


def _seconds_per_byte(repeats: int) -> float:
    block = bytes(2**24)
    timed = minima({"hashing": lambda: hashlib.sha256(block).digest()}, repeats)
    return timed["hashing"] / len(block)


def _code_seconds(repeats: int) -> float:
    """Measure the seconds that the digests of all scripts add to Snakemake's start."""
    timed = minima({"bare": lambda: _python(_OTHERS), "code": lambda: _python(_CODE)}, repeats)
    return timed["code"] - timed["bare"]


def _python(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True)


cli.run(main)
