"""Snakemake's main process starts one timer at a time, not one more for each finished job."""

import subprocess
import time

import pytest
from project import ROOT

SNAKEFILE = """
import atexit, threading
from pathlib import Path

class Counted(threading.Timer):
    started = 0

    def start(self):
        Counted.started += 1
        super().start()

threading.Timer = Counted
atexit.register(lambda: Path("timers").write_text(str(Counted.started)))
{include}
rule all:
    input: expand("done/{{i}}", i=range(40))
rule wait:
    output: "done/{{i}}"
    shell: "sleep 1; touch {{output}}"
"""
INCLUDED = f"include: '{ROOT}/rules/scheduling.smk'"


@pytest.mark.study
@pytest.mark.parametrize(("include", "few"), [(INCLUDED, True), ("", False)])
def test_timers_do_not_grow_with_finished_jobs(tmp_path, include, few):
    """Without the include, each scheduling pass starts a timer and each timer starts a pass."""
    (tmp_path / "Snakefile").write_text(SNAKEFILE.format(include=include))
    begun = time.monotonic()
    subprocess.run(
        ["snakemake", "--cores", "10", "--quiet"], cwd=tmp_path, check=True, capture_output=True
    )
    seconds = time.monotonic() - begun
    assert len(list((tmp_path / "done").iterdir())) == 40
    timers = int((tmp_path / "timers").read_text())
    assert (timers <= seconds + 2) == few, f"{timers} timers in {seconds:.1f} s"
