"""A run makes what was planned after a change, leaves all else alone, and then nothing is left."""

import hashlib
import shutil

import pytest
from own import STUDY
from project import Project
from row import RESULTS
from rows import ROWS

SMOKE = ("--configfile", str(STUDY))
RECORDS = ("logs", "benchmarks", "provenance", "runs")
REALLY_RUN = (
    "a comment in the library",
    "ε of the verdict",
    "a rate added to one codec",
    "a reconstruction deleted, and asked for by name, as `make repair` does",
)


@pytest.fixture
def spare(finished, tmp_path):
    """A copy of the finished study that a test may run again."""
    folder = tmp_path / "spare"
    shutil.copytree(finished.folder, folder)
    yield Project(folder)
    shutil.rmtree(folder)


def results(project):
    """Time and digest of every file of the study's results, by path."""
    root = project.folder / RESULTS
    return {
        str(file.relative_to(project.folder)): (
            file.stat().st_mtime_ns,
            hashlib.sha256(file.read_bytes()).hexdigest(),
        )
        for file in root.rglob("*")
        if file.is_file() and file.relative_to(root).parts[0] not in RECORDS
    }


def output_of(file):
    """The output that a file is, or is in: stores are folders."""
    store, inside, _ = file.partition(".zarr/")
    return f"{store}.zarr" if inside else file


@pytest.mark.parametrize("change", REALLY_RUN)
def test_what_is_planned_is_what_is_made(spare, change):
    (row,) = (row for row in ROWS if row.change == change)
    with row.edit(spare.folder):
        planned = spare.outputs(*SMOKE, "--", *row.targets)
        before = results(spare)
        spare.snakemake(*SMOKE, "--", *row.targets)
        after = results(spare)
        made = {output_of(file) for file, state in after.items() if before.get(file) != state}
        assert made == {file for file, pending in planned.items() if pending}
        assert before.keys() <= after.keys()
        assert not any(spare.outputs(*SMOKE).values())
