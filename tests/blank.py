"""An empty sidecar, for tests to fill in."""

from workflow_lib.provenance.record import recorder
from workflow_lib.provenance.sidecar import Sidecar

COMMIT = "c0ffee" * 6 + "c0ff"
BLANK = Sidecar(
    rule="",
    wildcards={},
    parameters={},
    told={},
    inputs={},
    outputs={},
    code={},
    commit=COMMIT,
    clean=True,
    lock="1" * 64,
    locked={},
    packages={},
    altered={},
    recorder=recorder(),
    python="3.11.7",
    platform="Linux 6.1 x86_64",
    node="here",
    cpu="a processor",
    gpu=None,
    driver=None,
    device=None,
    threads=None,
    instructions={},
    variables={},
    seeds={},
    start="2026-01-01T00:00:00+00:00",
    end="2026-01-01T00:00:01+00:00",
    earlier=[],
    peak_memory_mb=12.5,
    recording_s=0.25,
    slurm_job=None,
    slurm_node=None,
)
