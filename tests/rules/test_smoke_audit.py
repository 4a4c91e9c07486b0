"""The audit finds no fault in the real smoke study, and finds every tampered byte.

One command repairs a damaged study.
"""

import os
import re
import shutil
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest
from changes import pixel_counted_up
from own import LABELS, UNSEEN
from project import ROOT, Project

from workflow_lib.codecs.registry import module_of
from workflow_lib.config.study_files import load
from workflow_lib.paths import Paths
from workflow_lib.provenance.audit.audit import audit
from workflow_lib.provenance.digests import LAUNCHER, affects_results, reached_files
from workflow_lib.provenance.sidecar import Sidecar

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
ROUNDS = 8
"""Times that a file of each kind is tampered with."""
OTHERS = {"provenance", "logs", "benchmarks", "runs"}


def files_of(folder, kind):
    """List the files of a kind, without Snakemake's time marks in stores."""
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
    """Change one byte of the file; restore the file at the end."""
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
    """Return the audit's name of a file; for a file in a store, it is the store's name."""
    store, found, _ = name.partition(".zarr/")
    return f"{store}.zarr" if found else name


def test_nothing_is_wrong_with_a_finished_study(finished):
    found = audit(RESULTS, finished.folder)
    assert [str(fault) for fault in found.faults] == []
    assert found.left_over == ()
    assert [check.faults for check in found.checks] == [0] * 7 + [None], "Snakemake was not run"


def test_a_job_loads_no_module_of_the_project_that_its_digest_leaves_out(finished, monkeypatch):
    """The check covers modules that jobs really loaded, also inside functions and by codec name."""
    monkeypatch.chdir(finished.folder)
    study = load([Path(SMOKE[1])])
    for file in (finished.folder / RESULTS / "provenance").rglob("*.json"):
        job = Sidecar.read(file)
        (script,) = (name for name in job.code if name.startswith("scripts/"))
        starts = [LAUNCHER, script]
        if job.rule in ("judge_study", "write_report"):
            codecs = list(study.selected().codecs)
        elif job.rule.startswith("encode") or job.rule in ("fit_codec", "finetune"):
            codecs = [job.wildcards["codec"]]
        else:
            codecs = []
        modules = [module_of(study.codecs[codec].kind) for codec in codecs]
        starts += [f"{module.replace('.', '/')}.py" for module in modules]
        counted = {name for name in job.code if affects_results(name)}
        assert counted <= set(reached_files(*starts)), file


def test_a_hundred_tampered_bytes_are_found_by_name(finished):
    folder = finished.folder / RESULTS
    files = {kind: files_of(folder, kind) for kind in KINDS}
    assert all(files.values()), files
    rng = np.random.default_rng(20260101)
    for _ in range(ROUNDS):
        # Only a damaged sidecar may cause further faults, about the facts that it contained.
        for kinds in (KINDS.keys() - {"sidecars"}, {"sidecars"}):
            names = set()
            with ExitStack() as stack:
                for kind in sorted(kinds):
                    file = files[kind][rng.integers(len(files[kind]))]
                    place = int(rng.integers(file.stat().st_size))
                    stack.enter_context(tampered(file, place, int(rng.integers(1, 256))))
                    names.add(called(file.relative_to(finished.folder).as_posix()))
                found = sorted(fault.path for fault in audit(RESULTS, finished.folder).faults)
            assert names <= set(found)
            assert found == sorted(names) or kinds == {"sidecars"}
    assert ROUNDS * len(KINDS) >= 100
    assert audit(RESULTS, finished.folder).faults == ()


@pytest.fixture
def copy(finished, tmp_path):
    shutil.copytree(finished.folder, tmp_path / "copy")
    return Project(tmp_path / "copy")


def one_byte_changed(store):
    (chunk, *_) = (path for path in store.rglob("c/**/*") if path.is_file())
    content = bytearray(chunk.read_bytes())
    content[len(content) // 2] ^= 1
    chunk.write_bytes(content)


RECONSTRUCTION = f"{RESULTS}/tiny-optical/reconstructions/jpeg2000/0.5/any/generated0.zarr"
READER = f"{RESULTS}/tiny-optical/scores/unet/frozen/jpeg2000/0.5/fold1-seed0.parquet"


def test_a_job_that_reads_a_deleted_store_stops_and_names_the_remedy(copy):
    shutil.rmtree(copy.folder / RECONSTRUCTION)
    done = copy.snakemake(*SMOKE, "--force", "--", READER, check=False)
    assert done.returncode
    assert re.search(r"generated0\.zarr: this is not a readable.*make repair", done.stderr)


@pytest.mark.parametrize(
    ("store", "damage"),
    [
        (f"{RESULTS}/tiny-optical/tiles/generated0.zarr", one_byte_changed),
        (RECONSTRUCTION, shutil.rmtree),
    ],
)
def test_a_damaged_store_is_repaired_by_one_command_and_one_job(copy, store, damage):
    damage(copy.folder / store)
    assert [fault.path for fault in audit(RESULTS, copy.folder).faults] == [store]
    done = repair(copy)
    said = done.stdout + done.stderr
    assert "1 of 1 steps (100%) done" in said
    assert "Nothing to be done" in said
    assert audit(RESULTS, copy.folder).faults == ()
    assert copy.planned(*SMOKE) == {}


def test_a_raster_replaced_by_one_of_the_same_size_and_time_is_read_again(copy):
    label = copy.folder / LABELS / f"{UNSEEN[0]}.tif"
    before = label.stat()
    pixel_counted_up(label)
    os.utime(label, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert label.stat().st_size == before.st_size
    assert copy.planned(*SMOKE) == {}
    (fault,) = audit(RESULTS, copy.folder).faults
    assert (fault.path, fault.remedy) == (f"{LABELS}/{UNSEEN[0]}.tif", "make repair")
    repair(copy)
    assert audit(RESULTS, copy.folder).faults == ()
    assert copy.planned(*SMOKE) == {}


def test_where_nothing_is_damaged_repair_runs_nothing(copy):
    """`make` creates missing outputs, not `make repair`."""
    report = copy.folder / Paths(RESULTS).report()
    report.unlink()
    (copy.folder / Paths(RESULTS).sidecar(Paths(RESULTS).report())).unlink()
    assert "Nothing is damaged." in repair(copy).stdout
    assert not report.exists()


def repair(project):
    shutil.copy2(ROOT / "Makefile", project.folder)
    installed = ["VENV=installed", "--assume-old=installed/.ready"]
    return project.call(["make", "repair", f"STUDY={SMOKE[1]}", *installed])
