"""The audit finds every planted fault by name, and no fault in a sound study."""

import os
from dataclasses import replace

import pytest
from audited_tree import (
    BITSTREAM,
    DISTORTION,
    FINDINGS,
    GATHERED,
    MAIN,
    MANIFEST,
    MARK,
    METRICS,
    REPORT,
    RESULTS,
    SCENE,
    TILES,
    WEIGHTS,
    audited,
    only,
    sidecar,
)
from blank import BLANK
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workflow_lib.errors import DownlinkError
from workflow_lib.files import digest
from workflow_lib.provenance.audit.audit import Present, audit
from workflow_lib.provenance.audit.dry_run import DryRun
from workflow_lib.provenance.audit.notices import mixed
from workflow_lib.provenance.lock import read_lock
from workflow_lib.provenance.sidecar import EDITED


def test_a_sound_study_has_no_faults_and_no_notices(tree):
    found = audited(tree)
    assert found.faults == found.notices == found.damaged == found.left_over == ()
    assert [check.faults for check in found.checks] == [0] * 7 + [None]


OUTPUTS = [MARK, SCENE, MANIFEST, GATHERED, WEIGHTS, BITSTREAM, DISTORTION]
OUTPUTS += [METRICS, MAIN, FINDINGS, REPORT]
IN_STORES = [f"{TILES}/zarr.json", f"{TILES}/image/c/0"]
SIDECARS = [sidecar(name) for name in OUTPUTS if name not in (MANIFEST, DISTORTION, MAIN)]
SIDECARS += [sidecar(TILES)]


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    name=st.sampled_from([*OUTPUTS, *IN_STORES, *SIDECARS]),
    place=st.integers(0, 10**5),
    by=st.integers(1, 255),
)
def test_one_changed_byte_in_any_file_is_found(shared, name, place, by):
    before = shared.flip(name, place, by)
    try:
        faults = audited(shared).faults
    finally:
        shared.put(name, before)
    assert (TILES if name in IN_STORES else name) in {fault.path for fault in faults}
    # a damaged sidecar may no longer name its files; all other files stay sound
    assert len(faults) == 1 or name in SIDECARS
    assert all(fault.again for fault in faults)


def test_a_changed_store_is_one_fault_that_names_the_changed_file(tree):
    os.utime(tree.root / TILES / "zarr.json", (0, 0))
    tree.flip(f"{TILES}/image/c/0", 7)
    found = only(tree)
    assert (found.kind, found.path, found.rule) == ("changed", TILES, "tile_scene")
    assert "image/c/0" in found.what
    assert "zarr.json" not in found.what
    assert audited(tree).damaged == (TILES,)


def test_a_missing_output_is_reported_with_its_job(tree):
    (tree.root / DISTORTION).unlink()
    found = only(tree)
    assert (found.kind, found.path) == ("missing", DISTORTION)
    assert found.again == (BITSTREAM,)


def test_outputs_without_a_sidecar_are_faults_that_repair_regenerates(tree):
    (tree.root / sidecar(BITSTREAM)).unlink()
    found = audited(tree)
    assert {(f.kind, f.path) for f in found.faults} == {
        ("no sidecar", f"{RESULTS}/d/bitstreams"),
        ("no sidecar", DISTORTION),
    }
    assert found.damaged == (DISTORTION,), "which is made together with the bitstream"


def test_a_damaged_sidecar_is_one_fault(tree):
    tree.put(sidecar(TILES), tree.sidecar(TILES).to_text().replace("Linux", "linux"))
    found = only(tree)
    assert (found.kind, found.path, found.again) == ("sidecar", sidecar(TILES), (TILES,))


def test_a_sidecar_in_the_wrong_place_is_a_fault(tree):
    tree.put(sidecar(f"{RESULTS}/d/copy"), tree.sidecar(WEIGHTS).to_text())
    assert "wrong place" in only(tree).what


def test_two_sidecars_of_one_file_are_a_fault(tree):
    tree.put(f"{RESULTS}/other", "")
    tree.record("later", [], [f"{RESULTS}/other", BITSTREAM])
    assert f"claims {BITSTREAM}" in audited(tree).faults[0].what


@pytest.mark.parametrize("name", ["notes.txt", "d/tiles/y.zarr/zarr.json", "new/a/b"])
def test_files_without_a_record_are_faults(tree, name):
    tree.put(f"{RESULTS}/{name}", "x")
    found = only(tree)
    assert found.kind == "no sidecar"
    assert f"{RESULTS}/{name}".startswith(found.path)
    assert found.again == (), "no job on record would make it"


def test_a_file_added_to_a_store_is_a_change_of_the_store(tree):
    tree.put(f"{TILES}/image/c/1", "x")
    assert only(tree).path == TILES


@pytest.mark.parametrize("name", ["logs/a.log", "runs/x/c.pt", "benchmarks/a.tsv", "audit.html"])
def test_records_are_not_results(tree, name):
    tree.put(f"{RESULTS}/{name}", "x")
    assert audited(tree).faults == ()


def test_half_written_files_are_faults(tree):
    tree.put(f"{RESULTS}/d/tiles/.y.zarr.a1b2c3_4/y.zarr/zarr.json", "x")
    found = only(tree)
    assert (found.kind, found.path) == ("half-written", f"{RESULTS}/d/tiles/.y.zarr.a1b2c3_4")


def test_results_of_another_study_are_not_audited(tree):
    tree.put(f"{RESULTS}/other/provenance/a.json", "x")
    tree.put(f"{RESULTS}/other/a", "x")
    found = audited(tree)
    assert found.faults == ()
    assert f"{RESULTS}/other" in found.notices[0]


def test_jobs_left_to_run_are_a_fault(tree):
    found = audit(RESULTS, tree.root, Present(DryRun({"fit_codec": 2, "write_report": 1})))
    (late,) = found.faults
    assert (late.kind, late.path, late.remedy) == ("out of date", RESULTS, "make")
    assert "3 jobs would run: 2 fit_codec, 1 write_report" in late.what
    assert found.checks[-1].faults == 1
    assert audit(RESULTS, tree.root, Present(DryRun({}))).checks[-1].faults == 0


def test_changed_code_is_one_fault_per_rule(tree):
    tree.rewrite(WEIGHTS, code={"workflow_lib/files.py": "0" * 64, "scripts/gone.py": "1" * 64})
    found = only(tree)
    assert (found.kind, found.rule) == ("code", "fit_codec")
    assert found.path == "workflow_lib/files.py, scripts/gone.py"
    assert found.remedy == "make"


def test_code_that_was_edited_during_a_job_is_a_fault(tree):
    tree.rewrite(WEIGHTS, code={"workflow_lib/files.py": EDITED})
    assert only(tree).again == (WEIGHTS,)


def test_a_changed_lock_names_the_package_and_both_versions(tree):
    versions = {"numpy": "1.0", "torch": read_lock()["torch"]}
    tree.rewrite(BITSTREAM, locked=versions, packages=versions)
    found = only(tree)
    assert (found.kind, found.rule) == ("lock", "encode_learned")
    assert found.path == f"numpy 1.0 (now {read_lock()['numpy']})"


def test_an_installed_version_other_than_the_locked_one_is_a_fault(tree):
    tree.rewrite(BITSTREAM, packages={"numpy": "1.0+local", "torch": read_lock()["torch"]})
    found = only(tree)
    assert found.kind == "packages"
    assert found.path.startswith("numpy 1.0+local")


def test_commits_and_unclean_trees_are_notices(tree):
    tree.rewrite(WEIGHTS, commit="beef" * 10, clean=False)
    tree.rewrite(SCENE, commit=None, clean=None)
    found = audited(tree)
    assert found.faults == ()
    commits, unknown, unclean = found.notices
    assert "2 commits" in commits
    assert "no commit on record for 1 job" in unknown
    assert "1 job ran" in unclean


def test_a_lock_change_that_no_job_reaches_is_a_notice(tree):
    tree.rewrite(WEIGHTS, lock="0" * 64)
    found = audited(tree)
    assert found.faults == ()
    assert "lock has changed since 1 job ran" in found.notices[0]


def test_results_of_a_removed_scene_are_left_over_and_may_be_outdated(tree):
    lost, store = f"{RESULTS}/d/scenes/y.tif", f"{RESULTS}/d/tiles/y.zarr"
    tree.put(lost, "scene")
    tree.put("own/y.tif", "raster")
    tree.record("prepare_scene", ["own/y.tif"], [lost], code={"workflow_lib/gone.py": "0"})
    (tree.root / "own/y.tif").unlink()
    tree.put(f"{store}/zarr.json", "{}")
    tree.record("tile_scene", [lost], [store])
    found = audited(tree)
    assert found.faults == ()
    assert set(found.left_over) == {lost, sidecar(lost), store, sidecar(store)}
    assert all((tree.root / name).exists() for name in found.left_over)
    assert "2 jobs left results" in found.notices[0]
    assert "or not yet in the report. Run make" in found.notices[0]


def test_nothing_is_left_over_while_a_record_is_missing(tree):
    tree.flip(sidecar(WEIGHTS), 10)
    found = audited(tree)
    assert found.left_over == ()
    assert "not looked for" in found.notices[0]


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        (REPORT, "41.50", "41.51", "shows 41.51 as psnr_db of d c 1"),
        (REPORT, "0.512", "0.513", "iou_frozen"),
        (REPORT, "–", "0.000", "iou_retrained"),
        (REPORT, "λ 1", "λ 2", "does not show d c 1"),
        (REPORT, 'id="table-main"', "", "does not show the main table"),
        (MAIN, "0.51234", "0.51235", "iou_frozen of d c 1 unet as 0.51235"),
        (MAIN, "d,c,1", "d,c,2", "other rows"),
    ],
)
def test_numbers_that_differ_from_the_table_are_faults(tree, name, old, new, told):
    """The forger also wrote a matching sidecar."""
    text = (tree.root / name).read_text()
    assert old in text
    tree.put(name, text.replace(old, new))
    for first in (METRICS, REPORT):
        outputs = {out: digest(tree.root / out) for out in tree.sidecar(first).outputs}
        tree.rewrite(first, outputs=outputs)
    found = [fault for fault in audited(tree).faults if fault.path == name]
    assert told in found[0].what
    assert found[0].again == (name,)


def test_numbers_of_changed_files_are_not_compared(tree):
    tree.flip(METRICS, 100)
    (numbers,) = (check for check in audited(tree).checks if "numbers" in check.question)
    assert numbers.faults is None


def test_an_unfinished_study_is_a_notice(tree):
    (tree.root / REPORT).unlink()
    (tree.root / sidecar(REPORT)).unlink()
    found = audited(tree)
    assert found.faults == ()
    assert "not finished" in found.notices[0]
    assert REPORT in found.notices[0]


def test_the_seal_depends_on_every_record_and_nothing_else(tree):
    seal = audited(tree).records.seal
    tree.flip(WEIGHTS, 0)
    assert audited(tree).records.seal == seal
    tree.rewrite(WEIGHTS, outputs={WEIGHTS: digest(tree.root / WEIGHTS)}, inputs={})
    assert audited(tree).records.seal != seal


@pytest.mark.parametrize("name", ["results/none", "own"])
def test_the_error_for_an_empty_folder_names_the_remedy(tree, name):
    with pytest.raises(DownlinkError, match="STUDY="):
        audit(name, tree.root)


def test_jobs_of_one_rule_with_other_instruction_sets_are_told():
    lowest = {"instructions": {"torch": "DEFAULT"}, "variables": {"DNNL_MAX_CPU_ISA": "SSE41"}}
    jobs = [replace(BLANK, rule="finetune", instructions={"torch": "AVX2"})] * 3
    jobs.append(replace(BLANK, rule="finetune", **lowest))
    told = list(mixed([*jobs, replace(BLANK, rule="fit_codec", **lowest)]))
    assert told == [
        "Jobs differ in DNNL_MAX_CPU_ISA: 3 with none, 2 with SSE41. So may their numbers. "
        "The fewer ones are of finetune, fit_codec.",
        "Jobs differ in instructions of torch: 3 with AVX2, 2 with DEFAULT. So may their numbers. "
        "The fewer ones are of finetune, fit_codec.",
    ]
