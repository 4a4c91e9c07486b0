"""What jobs were made from is compared, wherever it comes from and wherever it lies now."""

import pytest
from audited_tree import GATHERED, MARK, SCENE, WEIGHTS, audited, only


def test_a_job_that_ran_on_other_bytes_is_damaged_too(tree):
    tree.rewrite(WEIGHTS, inputs={GATHERED: "0" * 64})
    found = only(tree)
    assert (found.kind, found.path, found.again) == ("made from another", WEIGHTS, (WEIGHTS,))
    assert GATHERED in found.what


@pytest.mark.parametrize("name", ["own/x.tif", "page.html.j2", "cache/a.tar"])
@pytest.mark.parametrize("gone", [False, True])
def test_inputs_that_nobody_made_are_compared(tree, name, gone):
    if gone:
        (tree.root / name).unlink()
    else:
        tree.put(name, "other")
    found = only(tree)
    assert (found.kind, found.path) == ("source", name)
    assert ("missing" in found.what) == gone
    assert found.again == ((MARK,) if name == "cache/a.tar" else ()), "archives are fetched again"


def moved(tree, name, digest):
    """The study after it came from another machine, whose archive is not here."""
    inputs = {**tree.sidecar(SCENE).inputs, name: digest}
    inputs.pop("cache/a.tar")
    tree.rewrite(SCENE, inputs=inputs)


def test_an_archive_of_another_machine_is_no_fault_where_its_mark_is_here(tree):
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
def test_what_is_gone_without_a_fitting_mark_stays_a_fault(tree, name, digest):
    moved(tree, name, digest)
    assert (only(tree).kind, only(tree).path) == ("source", name)


def test_an_archive_that_is_here_is_compared_wherever_it_lies(tree, tmp_path_factory):
    archive = tmp_path_factory.mktemp("cache") / "a.tar"
    archive.write_text("other")
    moved(tree, str(archive), "digest")
    assert only(tree).path == str(archive)
