"""What records cost a finished study: seconds of its jobs that went into their sidecars.

Every sidecar says how long it took to make. Measured here and charged to every job besides: writing
it, and importing what makes it. Jobs that only gather digests are charged in full, start of Python
and all.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tabulate import tabulate
from timing import minima

from workflow_lib import cli
from workflow_lib.config import files
from workflow_lib.files import atomic
from workflow_lib.provenance.sidecar import Sidecar

_OTHERS = "import argparse, ast, datetime, hashlib, json, logging, pathlib, platform, subprocess"
"""What a job imports anyway."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    files.add_arguments(parser)
    parser.add_argument("--repeats", type=int, default=10, help="turns of what is timed here")
    args = parser.parse_args()
    results = files.load(args.study).results
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
    }
    spent = figures["seconds in sidecars"] + figures["writing and importing"] + figures["gathering"]
    figures["percent"] = 100 * spent / figures["seconds of work"]
    print(tabulate(figures.items(), ("what", "value"), floatfmt=".2f"))
    print(json.dumps({name: round(value, 2) for name, value in figures.items()}))


def _seconds_here(job: Sidecar, repeats: int) -> tuple[float, float, float]:
    """Seconds to write a sidecar, and to import what makes it; and of a start of Python."""
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


def _python(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True)


cli.run(main)
