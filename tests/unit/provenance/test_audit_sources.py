"""Inputs of jobs are compared, whatever their source and present place."""

import pytest
from audited_tree import GATHERED, MARK, SCENE, WEIGHTS, audited, only


def test_a_job_that_read_other_bytes_is_damaged_too(tree):
    tree.rewrite(WEIGHTS, inputs={GATHERED: "0" * 64})
    found = only(tree)
    assert (found.kind, found.path, found.again) == ("made from another", WEIGHTS, (WEIGHTS,))
    assert GATHERED in found.what


@pytest.mark.parametrize("name", ["own/x.tif", "page.html.j2", "cache/a.tar"])
@pytest.mark.parametrize("gone", [False, True])
def test_inputs_without_a_job_are_compared(tree, name, gone):
    if gone:
        (tree.root / name).unlink()
    else:
        tree.put(name, "other")
    found = only(tree)
    assert (found.kind, found.path) == ("source", name)
    assert ("missing" in found.what) == gone
    if name == "cache/a.tar":
        assert found.again == (MARK,), "archives are fetched again"
    else:
        assert bool(found.again) != gone, "present files are read again"


def moved(tree, name, digest):
    """Return a study that came from another machine, whose archive is missing here."""
    inputs = {**tree.sidecar(SCENE).inputs, name: digest}
    inputs.pop("cache/a.tar")
    tree.rewrite(SCENE, inputs=inputs)


def test_an_archive_on_another_machine_is_not_a_fault_if_its_mark_is_here(tree):
    moved(tree, "/home/alice/.cache/a.tar", "digest")
    found = audited(tree)
    assert found.faults == found.damaged == ()
    assert "/home/alice/.cache/a.tar cannot be compared here" in found.notices[0]
    assert "digest." in found.notices[0]


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("/home/alice/.cache/a.tar", "other"),
        ("/home/alice/x.tif", "digest"),
        ("cache/b/a.tar", "digest"),
    ],
)
def test_a_missing_input_without_a_matching_mark_is_a_fault(tree, name, digest):
    moved(tree, name, digest)
    assert (only(tree).kind, only(tree).path) == ("source", name)


def test_a_local_archive_is_compared_wherever_it_is(tree, tmp_path_factory):
    archive = tmp_path_factory.mktemp("cache") / "a.tar"
    archive.write_text("other")
    moved(tree, str(archive), "digest")
    assert only(tree).path == str(archive)
