"""The audit trusts no results folder, because its files may be forged."""

import os

import pytest
from audited_tree import BITSTREAM, RESULTS, SCENE, TILES, WEIGHTS, audited, only, sidecar

from workflow_lib.errors import DownlinkError
from workflow_lib.provenance.audit import disk


@pytest.mark.parametrize("target", ["/etc/passwd", "d", "../../own"])
def test_links_are_reported_and_not_followed(tree, target):
    (tree.root / RESULTS / "d/link").symlink_to(target)
    assert (only(tree).kind, only(tree).path) == ("link", f"{RESULTS}/d/link")


def test_a_link_to_an_endless_file_does_not_stop_the_audit(tree):
    (tree.root / TILES / "endless").symlink_to("/dev/zero")
    (tree.root / WEIGHTS).unlink()
    (tree.root / WEIGHTS).symlink_to("/dev/zero")
    os.mkfifo(tree.root / RESULTS / "pipe")
    tree.rewrite(SCENE, inputs={"/dev/zero": "0" * 64})
    found = {(fault.kind, fault.path) for fault in audited(tree).faults}
    links = {f"{TILES}/endless", WEIGHTS, f"{RESULTS}/pipe"}
    assert found == {("link", name) for name in links} | {("source", "/dev/zero")}


@pytest.mark.parametrize(
    "decoy", [f"{RESULTS}/d/provenance", f"{TILES}/.a.zarr.a1b2c3_4", f"{TILES}/.snakemake_store"]
)
def test_every_output_of_a_job_is_audited_whatever_its_name(tree, decoy):
    (tree.root / decoy).mkdir()
    (tree.root / RESULTS / "d/stray").symlink_to("/etc/passwd")
    (tree.root / BITSTREAM).unlink()
    (tree.root / BITSTREAM).symlink_to("/dev/zero")
    (tree.root / decoy / "more").write_text("x")
    links = {("link", f"{RESULTS}/d/stray"), ("link", BITSTREAM)}
    assert links < {(fault.kind, fault.path) for fault in audited(tree).faults}
    assert len(audited(tree).faults) == 3


def test_a_folder_that_contains_other_jobs_outputs_is_refused_as_an_output(tree):
    """Otherwise it would count as left over, and `--left-over` would remove its contents."""
    tree.record("tile_scene", [], [f"{RESULTS}/d"])
    found = only(tree)
    assert (found.kind, found.path) == ("sidecar", sidecar(f"{RESULTS}/d"))
    assert f"claims {RESULTS}/d, and so does another" in found.what
    assert audited(tree).left_over == ()


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        f"{RESULTS}/../../own/x.tif",
        f"{RESULTS}/a\n/etc/passwd",
        f"{RESULTS}/provenance/a",
        f"{RESULTS}/a\x00",
        RESULTS,
    ],
)
def test_sidecars_that_claim_invalid_outputs_are_faults(tree, name):
    job = tree.sidecar(WEIGHTS)
    tree.rewrite(WEIGHTS, outputs={**job.outputs, name: "0" * 64})
    found = audited(tree)
    assert [fault.kind for fault in found.faults] == ["sidecar"]
    assert found.damaged == (WEIGHTS,)
    assert found.left_over == ()


@pytest.mark.parametrize(
    "update",
    [
        {"code": {"a.py": 1}},
        {"start": "yesterday"},
        {"start": "2026-01-01T00:00:00"},
        {"end": "0001-01-01T00:00:00"},
        {"end": "0001-01-01T00:00:00+00:00"},
        {"peak_memory_mb": 10**400},
        {"peak_memory_mb": "much"},
        {"rule": None},
    ],
)
def test_sidecars_with_wrong_types_are_faults(tree, update):
    tree.rewrite(WEIGHTS, **update)
    assert only(tree).kind == "sidecar"


@pytest.mark.parametrize("bomb", ["[" * 10**5, '{"a":' * 10**5, "1" * 10**5, "", "\xff"])
def test_files_that_are_not_sidecars_do_not_stop_the_audit(tree, bomb):
    tree.put(sidecar(WEIGHTS), bomb.encode("latin-1"))
    kinds = {fault.kind for fault in audited(tree).faults}
    assert kinds == {"sidecar"}, "whose place tells what it was of"


def test_a_sidecar_too_large_is_not_read(tree):
    with (tree.root / sidecar(WEIGHTS)).open("wb") as file:
        file.truncate(65 * 10**6)
    assert "too large" in audited(tree).faults[0].what


@pytest.mark.parametrize(
    "name", ["/proc/self/status", "up/proc/self/status", "own/kernel", "/sys/kernel/notes", "/etc"]
)
def test_inputs_in_kernel_file_systems_are_not_read(tree, name, monkeypatch):
    """Some of these are endless, although they are regular files."""
    (tree.root / "own/kernel").symlink_to("/proc/self/status")
    name = name.replace("up", os.path.relpath("/", tree.root))
    tree.rewrite(SCENE, inputs={name: "0" * 64})
    read = []

    def digest_of(path):
        read.append(path)
        return disk.digest_of(path)

    monkeypatch.setattr("workflow_lib.provenance.audit.sources.digest_of", digest_of)
    assert "is missing" in only(tree).what
    assert read == [(tree.root / "page.html.j2").resolve()]


def test_very_long_names_do_not_stop_the_audit(tree):
    tree.rewrite(SCENE, inputs={"/" + "x" * 300: "0" * 64})
    assert only(tree).kind == "source"


def test_code_is_searched_only_in_the_project(tree):
    names = ("/etc/passwd", "../../etc/passwd", "/dev/zero", "config.yaml", "a\x00.py")
    tree.rewrite(WEIGHTS, code=dict.fromkeys(names, "0" * 64))
    assert only(tree).kind == "code"


def test_repair_lists_only_outputs_that_a_rule_can_make(tree):
    """A single unknown name would make Snakemake fail, and repair nothing."""
    lost = f"{RESULTS}/d/scenes/y.tif"
    tree.put(lost, "scene")
    tree.record("prepare_scene", [], [lost])
    tree.flip(sidecar(lost), 0)
    tree.put(sidecar(f"{RESULTS}/nothing"), "{}")
    found = audited(tree)
    assert {fault.kind for fault in found.faults} == {"sidecar"}
    assert found.damaged == ()


def test_a_sidecar_that_is_being_written_is_not_a_fault(tree):
    tree.put(f"{RESULTS}/provenance/d/.x.json.a1b2c3d4/x.json", "{")
    assert audited(tree).faults == ()


def test_results_that_vanish_during_the_audit_give_a_one_line_error(tree, monkeypatch):
    def vanishing(folder):
        raise FileNotFoundError(2, "No such file or directory", str(folder))

    monkeypatch.setattr("os.scandir", vanishing)
    with pytest.raises(DownlinkError, match="until the study has finished"):
        audited(tree)
