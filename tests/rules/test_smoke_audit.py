"""The audit of the real smoke study: nothing is wrong with it, every tampered byte is found, and
one command repairs it."""

import os
import shutil
from contextlib import contextmanager

import numpy as np
import pytest
from project import ROOT, Project

from workflow_lib.provenance.audit.audit import audit

RESULTS = "results/smoke"
SMOKE = ("--configfile", "configs/smoke.yaml")
KINDS = {
    "weights": "*/**/*.safetensors",
    "bitstreams": "*/bitstreams/**/*.dlk",
    "tile stores": "*/tiles/*.zarr/**/*",
    "reconstructions": "*/reconstructions/**/*.zarr/**/*",
    "scenes": "*/scenes/*.tif",
    "manifests": "*/**/*.manifest.json",
    "gathered": "*/**/*.txt",
    "predictions": "*/scores/**/*.npz",
    "choices": "*/segmenters/**/*.json",
    "tables": "**/*.parquet",
    "main table": "main_table.csv",
    "findings": "findings.json",
    "report": "report.html",
    "sidecars": "provenance/**/*.json",
}
TRIALS = 100
OTHERS = {"provenance", "logs", "benchmarks", "runs"}


def files_of(folder, kind):
    """Its files; Snakemake's own marks in stores are none."""
    found = sorted(
        path
        for path in folder.glob(KINDS[kind])
        if path.is_file() and not path.name.startswith(".snakemake")
    )
    return [
        path
        for path in found
        if kind == "sidecars" or path.relative_to(folder).parts[0] not in OTHERS
    ]


@contextmanager
def tampered(file, place, by):
    """The file with one byte changed, and afterwards as it was."""
    content, found = file.read_bytes(), file.stat()
    changed = bytearray(content)
    changed[place] = (changed[place] + by) % 256
    file.write_bytes(changed)
    try:
        yield
    finally:
        file.write_bytes(content)
        os.utime(file, ns=(found.st_atime_ns, found.st_mtime_ns))


def called(name):
    """What the audit calls a file: a store by its own name."""
    store, found, _ = name.partition(".zarr/")
    return f"{store}.zarr" if found else name


def test_nothing_is_wrong_with_a_finished_study(finished):
    found = audit(RESULTS, finished.folder)
    assert [str(fault) for fault in found.faults] == []
    assert found.left_over == ()
    assert [check.faults for check in found.checks] == [0] * 7 + [None], "Snakemake was not asked"


def test_a_hundred_tampered_bytes_are_found_by_name(finished):
    folder = finished.folder / RESULTS
    files = {kind: files_of(folder, kind) for kind in KINDS}
    assert all(files.values()), files
    rng = np.random.default_rng(20260101)
    missed = []
    for trial in range(TRIALS):
        kind = list(KINDS)[trial % len(KINDS)]
        file = files[kind][rng.integers(len(files[kind]))]
        size = file.stat().st_size
        name = file.relative_to(finished.folder).as_posix()
        with tampered(file, int(rng.integers(size)), int(rng.integers(1, 256))):
            faults = audit(RESULTS, finished.folder).faults
        if called(name) not in {fault.path for fault in faults}:
            missed.append(name)
        # what a sidecar said may be told as missing besides; nothing else is in doubt
        assert len(faults) == 1 or kind == "sidecars", (name, faults)
    assert missed == []
    assert audit(RESULTS, finished.folder).faults == ()


@pytest.fixture
def copy(finished, tmp_path):
    shutil.copytree(finished.folder, tmp_path / "copy")
    return Project(tmp_path / "copy")


def test_a_tampered_store_is_repaired_by_one_command_and_one_job(copy):
    store = f"{RESULTS}/tiny-optical/tiles/generated0.zarr"
    (chunk, *_) = (path for path in (copy.folder / store).rglob("c/**/*") if path.is_file())
    content = bytearray(chunk.read_bytes())
    content[len(content) // 2] ^= 1
    chunk.write_bytes(content)
    assert [fault.path for fault in audit(RESULTS, copy.folder).faults] == [store]
    shutil.copy2(ROOT / "Makefile", copy.folder)
    installed = ["VENV=installed", "--assume-old=installed/.ready"]
    done = copy.call(["make", "repair", f"STUDY={SMOKE[1]}", *installed])
    said = done.stdout + done.stderr
    assert "1 of 1 steps (100%) done" in said
    assert "Nothing to be done" in said
    assert audit(RESULTS, copy.folder).faults == ()
    assert copy.planned(*SMOKE) == {}
    assert (
        "Nothing is damaged."
        in copy.call(["make", "repair", f"STUDY={SMOKE[1]}", *installed]).stdout
    )
