"""Measure the CPU time of Snakemake's main process per job, for few and for many short jobs.

Each job sleeps one second, and 50 run at once. Scheduling follows this project's profiles and
rules; with --limit, it uses that limit instead. The time of the jobs themselves does not count. CPU
time hardly depends on the machine's other load.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tabulate import tabulate

ROOT = Path(__file__).resolve().parents[1]
JOBS = (500, 2000)
SNAKEFILE = """
import atexit, resource
from pathlib import Path

def note():
    used = resource.getrusage(resource.RUSAGE_SELF)
    Path("cpu").write_text(str(used.ru_utime + used.ru_stime))

# The main process ends last, after its timers.
atexit.register(note)
{include}
rule all:
    input: expand("done/{{i}}", i=range({jobs}))
rule wait:
    output: "done/{{i}}"
    shell: "sleep 1; touch {{output}}"
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--limit",
        help="Snakemake's --max-jobs-per-timespan, e.g. 1000/10s, instead of rules/scheduling.smk",
    )
    limit = parser.parse_args().limit
    per_job = {f"cpu_s_per_job_{jobs}": round(_cpu_s(jobs, limit) / jobs, 4) for jobs in JOBS}
    print(tabulate(per_job.items(), ("what", "value")))
    print(json.dumps(per_job))


def _cpu_s(jobs: int, limit: str | None) -> float:
    include = "" if limit else f"include: '{ROOT}/rules/scheduling.smk'"
    options = ["--max-jobs-per-timespan", limit] if limit else []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "Snakefile").write_text(SNAKEFILE.format(include=include, jobs=jobs))
        shutil.copytree(ROOT / "profiles", folder / "profiles")
        command = [sys.executable, "-m", "snakemake", "--cores", "50", "--quiet", *options]
        with (folder / "log").open("w") as log:
            done = subprocess.run(
                command, cwd=folder, env=os.environ, stdout=log, stderr=log, check=False
            )
        if done.returncode:
            raise SystemExit((folder / "log").read_text()[-2000:])
        return float((folder / "cpu").read_text())


if __name__ == "__main__":
    main()
