"""Make the table, the findings and the report again from what they were made of, and compare.

These jobs take seconds, so the audit need not trust their records: somebody could have edited the
page and written its record anew.
"""

import math
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from workflow_lib import machine
from workflow_lib.files import digest
from workflow_lib.paths import Paths
from workflow_lib.provenance.arithmetic import steering_variables
from workflow_lib.provenance.audit.faults import Fault
from workflow_lib.provenance.audit.records import Records
from workflow_lib.provenance.digests import ROOT
from workflow_lib.provenance.environment import installed
from workflow_lib.provenance.installation import FOUND_AT_START
from workflow_lib.provenance.jobs import first_output
from workflow_lib.provenance.record import JOB
from workflow_lib.provenance.sidecar import Sidecar

LAST_RULES = ("collect_metrics", "judge_study", "write_report")
"""Rules whose results are made again; each runs the script of its name."""

_PROCESSES = 2
_TOLERANCE = 1e-9
"""Largest relative difference of a number that rounding on another processor explains."""
_NUMBER = re.compile(r"(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)")
_EMBEDDED = re.compile(r"data:[^\"')\s]+")


def made_again(records: Records) -> Iterator[Fault]:
    """Run the last jobs as recorded, into a temporary folder; yield what comes out differently.

    Call it only if the present study would tell these jobs what their records say: options are
    taken from the records. On the processor and packages of the record, outputs must have the same
    bytes. Elsewhere, numbers may differ by rounding, and embedded pictures are not compared.
    """
    names = Paths(records.results).metrics(), *records.finals
    jobs = {first_output(job): job for name in names if (job := records.producers.get(name))}
    with TemporaryDirectory() as folder, ThreadPoolExecutor(_PROCESSES) as pool:
        wanted = [job for job in jobs.values() if job.rule in LAST_RULES]
        for faults in pool.map(lambda job: _differences(records.root, job, Path(folder)), wanted):
            yield from faults


def _differences(root: Path, job: Sidecar, folder: Path) -> list[Fault]:
    again = {name: folder / Path(name).name for name in job.outputs}
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / f"{job.rule}.py"), *_arguments(job, again)],
        cwd=root,
        env=_environment(job),
        input="\n".join(job.inputs),
        capture_output=True,
        text=True,
        check=False,
    )
    first = first_output(job)
    if done.returncode:
        said = "".join(done.stderr.strip().splitlines()[-1:])
        what = f"could not be made again from its inputs: {said}"
        return [Fault("made again", first, what, job.rule, (first,))]
    exact = _same_machine(job)
    return [
        Fault("made again", name, "is not what its job makes of its inputs", job.rule, (first,))
        for name, file in again.items()
        if digest(file) != job.outputs[name]
        and (exact or not _equal_but_for_rounding(root / name, file, job))
    ]


def _arguments(job: Sidecar, again: dict[str, Path]) -> Iterator[str]:
    for option, values in job.parameters.items():
        yield f"--{option}"
        yield from (str(again.get(value, value)) for value in values)


def _environment(job: Sidecar) -> dict[str, str]:
    left_out = {JOB, FOUND_AT_START, *steering_variables()}
    kept = {name: value for name, value in os.environ.items() if name not in left_out}
    places = {"PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1", "PYTHONNOUSERSITE": "1"}
    return kept | job.variables | places


def _same_machine(job: Sidecar) -> bool:
    here = machine.cpu(), platform.python_version(), installed(list(job.locked))
    return here == (job.cpu, job.python, job.packages)


def _equal_but_for_rounding(recorded: Path, again: Path, job: Sidecar) -> bool:
    if recorded.suffix == ".parquet":
        try:
            pd.testing.assert_frame_equal(
                pd.read_parquet(recorded), pd.read_parquet(again), rtol=_TOLERANCE, atol=0
            )
        except AssertionError:
            return False
        return True
    before = recorded.read_text(encoding="utf-8").replace(job.python, platform.python_version())
    return similar(before, again.read_text(encoding="utf-8"))


def similar(first: str, second: str) -> bool:
    """Whether two texts differ at most in the last digits of numbers and in embedded pictures."""
    parts = (_NUMBER.split(_EMBEDDED.sub("", text)) for text in (first, second))
    return all(a == b or _close(a, b) for a, b in zip_longest(*parts, fillvalue=""))


def _close(first: str, second: str) -> bool:
    if not (_NUMBER.fullmatch(first) and _NUMBER.fullmatch(second)):
        return False
    return math.isclose(float(first), float(second), rel_tol=_TOLERANCE)
