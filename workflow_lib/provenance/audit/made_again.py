"""Make the table, the findings and the report again from what they were made of, and compare.

These jobs take seconds, so the audit need not trust their records: somebody could have edited the
page and written its record anew.
"""

import math
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from workflow_lib.errors import DownlinkError
from workflow_lib.files import digest
from workflow_lib.paths import Paths
from workflow_lib.provenance.audit.faults import Fault
from workflow_lib.provenance.audit.records import Records
from workflow_lib.provenance.digests import LAUNCHER, ROOT
from workflow_lib.provenance.jobs import first_output
from workflow_lib.provenance.sidecar import Sidecar

LAST_RULES = ("collect_metrics", "judge_study", "write_report")
"""Rules whose results are made again; each runs the script of its name."""

_PROCESSES = 2
_NUMBER = re.compile(r"(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)")
_RELATIVE, _ABSOLUTE = 1e-6, 1e-9
"""Largest differences of numbers that rounding on another processor explains."""
_LEFT_OUT = ("BASH", "DOWNLINK_", "LD_", "PYTHON")
"""Beginnings of the names of variables that the jobs do not get."""


def made_again(records: Records, threads: int) -> Iterator[Fault]:
    """Run the last jobs as recorded, into a temporary folder; yield what comes out differently.

    Call it only if the present study would tell these jobs what their records say: options are
    taken from the records. Numbers may differ by rounding, nothing else.

    Args:
        records: the jobs on record.
        threads: the study's number of threads of one job.
    """
    names = Paths(records.results).metrics(), *records.finals
    jobs = {first_output(job): job for name in names if (job := records.producers.get(name))}
    environment = _environment(threads)
    with TemporaryDirectory() as folder, ThreadPoolExecutor(_PROCESSES) as pool:
        wanted = [job for job in jobs.values() if job.rule in LAST_RULES]
        for faults in pool.map(
            lambda job: _differences(records.root, job, Path(folder), environment), wanted
        ):
            yield from faults


def _differences(
    root: Path, job: Sidecar, folder: Path, environment: dict[str, str]
) -> list[Fault]:
    first = first_output(job)
    again = {name: folder / Path(name).name for name in job.outputs}
    try:
        _run(root, job, again, environment)
        others = [name for name, file in again.items() if not _equal(root / name, file)]
    except Exception as error:  # records and results are not trusted to be readable
        what = f"could not be made again from its inputs: {error}"
        return [Fault("made again", first, what, job.rule, (first,))]
    what = "is not what its job makes of its inputs"
    return [Fault("made again", name, what, job.rule, (first,)) for name in others]


def _run(root: Path, job: Sidecar, again: dict[str, Path], environment: dict[str, str]) -> None:
    """Run the script of a job's rule with the recorded options and other outputs.

    Raises:
        DownlinkError: it failed.
    """
    arguments: list[str] = []
    for option, values in job.parameters.items():
        arguments += [f"--{option}", *(str(again.get(value, value)) for value in values)]
    done = subprocess.run(
        [sys.executable, "-I", ROOT / LAUNCHER, ROOT / "scripts" / f"{job.rule}.py", *arguments],
        cwd=root,
        env=environment,
        input="\n".join(job.inputs),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise DownlinkError("".join(done.stderr.strip().splitlines()[-1:]))


def _environment(threads: int) -> dict[str, str]:
    kept = {name: of for name, of in os.environ.items() if not name.startswith(_LEFT_OUT)}
    return kept | {"OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE"}


def _equal(recorded: Path, again: Path) -> bool:
    if digest(recorded) == digest(again):
        return True
    if recorded.suffix == ".parquet":
        frames = pd.read_parquet(recorded), pd.read_parquet(again)
        try:
            pd.testing.assert_frame_equal(*frames, rtol=_RELATIVE, atol=_ABSOLUTE)
        except AssertionError:
            return False
        return True
    return similar(*(file.read_text(encoding="utf-8") for file in (recorded, again)))


def similar(first: str, second: str) -> bool:
    """Whether two texts differ at most in the last digits of numbers."""
    parts = (_NUMBER.split(text) for text in (first, second))
    return all(a == b or _close(a, b) for a, b in zip_longest(*parts, fillvalue=""))


def _close(first: str, second: str) -> bool:
    if not (_NUMBER.fullmatch(first) and _NUMBER.fullmatch(second)):
        return False
    return math.isclose(float(first), float(second), rel_tol=_RELATIVE, abs_tol=_ABSOLUTE)
