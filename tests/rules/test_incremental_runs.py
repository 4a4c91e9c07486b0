"""After a change, a run makes exactly the planned files; then nothing is left to do."""

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
    "a comment added in the library",
    "ε of the verdict changed",
    "a rate added to one codec",
    "a reconstruction deleted and requested by name, as `make repair` does",
)


@pytest.fixture
def spare(finished, tmp_path):
    """Copy the finished study, so that a test may run it again."""
    folder = tmp_path / "spare"
    shutil.copytree(finished.folder, folder)
    yield Project(folder)
    shutil.rmtree(folder)


def results(project):
    """Read time and digest of every file of the study's results, by path."""
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
    """Return the output to which a file belongs; an output may be a folder, such as a store."""
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
