"""Audit, reproduction and crate read the same sidecars: complete ones that the report needs."""

from dataclasses import dataclass, field

import pytest
from audited_tree import RESULTS, finished

from workflow_lib.errors import DownlinkError
from workflow_lib.paths import Paths
from workflow_lib.provenance.audit.records import read_records
from workflow_lib.provenance.crate.lineage import trace
from workflow_lib.provenance.jobs import producers, required_jobs, sidecar_files
from workflow_lib.provenance.reproduction.finished import Finished

PATHS = Paths("r")


@dataclass(frozen=True)
class Made:
    outputs: dict[str, str]
    inputs: dict[str, str] = field(default_factory=dict)


@pytest.fixture
def tree(tmp_path):
    return finished(tmp_path)


def counted(tree):
    """Return the names of the jobs that audit, reproduction and crate count."""
    results = tree.root / RESULTS
    return [
        {f"{RESULTS}/{name}" for name in Finished.read(results).sidecars},
        set(read_records(RESULTS, tree.root).current),
        {
            f"{RESULTS}/{file.relative_to(results / 'provenance').as_posix()}"[: -len(".json")]
            for file in trace(Paths(RESULTS), tree.root).sidecars
        },
    ]


def test_audit_reproduction_and_crate_count_the_same_jobs(tree):
    one, *others = counted(tree)
    assert len(one) == 9
    assert others == [one, one]


def test_a_left_over_job_is_counted_by_none_of_them(tree):
    before = counted(tree)
    tree.put(f"{RESULTS}/d/scenes/y.tif", "another scene")
    tree.record("prepare_scene", ["own/x.tif"], [f"{RESULTS}/d/scenes/y.tif"])
    assert counted(tree) == before


def test_a_half_written_sidecar_is_ignored(tree):
    before = counted(tree)
    name = Paths(RESULTS).sidecar(Paths(RESULTS).findings())
    folder, _, file = name.rpartition("/")
    tree.put(f"{folder}/.{file}.abcd_123/{file}", "{")
    tree.put(f"{folder}/d/.x.json.abcd_123/x.json", "")
    assert counted(tree) == before


def test_a_result_without_a_sidecar_is_an_error_where_it_is_required(tree):
    (tree.root / Paths(RESULTS).sidecar(f"{RESULTS}/d/scenes/x.tif")).unlink()
    for read in (
        lambda: Finished.read(tree.root / RESULTS),
        lambda: trace(Paths(RESULTS), tree.root),
    ):
        with pytest.raises(
            DownlinkError, match=r"scenes/x\.tif: no sidecar records how this result was made"
        ):
            read()
    assert read_records(RESULTS, tree.root).reached is None


def test_two_jobs_that_claim_one_output_are_refused():
    with pytest.raises(DownlinkError, match="r/b: two sidecars claim"):
        producers([Made({"r/a": "1", "r/b": "2"}), Made({"r/b": "2"})])


def test_jobs_are_reached_through_each_of_their_outputs():
    jobs = [
        Made({PATHS.report(): "1"}, {"r/c": "4", "own": "0"}),
        Made({PATHS.metrics(): "1", PATHS.main_table(): "2"}),
        Made({PATHS.findings(): "1"}),
        Made({"r/b": "3", "r/c": "4"}),
        Made({"r/d": "5"}),
    ]
    assert set(required_jobs("r", jobs)) == {
        PATHS.report(),
        PATHS.metrics(),
        PATHS.findings(),
        "r/b",
    }


def test_a_folder_without_sidecars_says_what_to_do(tmp_path):
    (tmp_path / "provenance/.x.json.abcd_123").mkdir(parents=True)
    (tmp_path / "provenance/.x.json.abcd_123/x.json").write_text("{}")
    with pytest.raises(DownlinkError, match="Run the study first"):
        sidecar_files(tmp_path)
