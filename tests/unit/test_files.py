"""Nothing half-written is ever taken for finished."""

import errno

import pytest

from workflow_lib.errors import DownlinkError
from workflow_lib.files import atomic, tree_sha256


def test_a_failure_leaves_the_old_file_and_no_draft(tmp_path):
    target = tmp_path / "table.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError), atomic(target) as draft:
        draft.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_full_disk_names_file_and_remedy_and_leaves_nothing(tmp_path):
    target = tmp_path / "store.zarr"
    with pytest.raises(DownlinkError, match=r"store\.zarr: the disk is full.*Free"):
        with atomic(target) as draft:
            draft.mkdir()
            (draft / "chunk").write_bytes(b"1")
            raise OSError(errno.ENOSPC, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_a_really_full_disk_is_reported(tmp_path):
    import resource
    import signal

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(DownlinkError, match="the disk is full"), atomic(tmp_path / "f") as f:
            f.write_bytes(bytes(5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_replaces_an_older_one(tmp_path):
    target = tmp_path / "store"
    for content in ("old", "new"):
        with atomic(target) as draft:
            draft.mkdir()
            (draft / content).write_text(content)
    assert [file.name for file in target.iterdir()] == ["new"]


def test_a_trees_digest_sees_names_and_bytes(tmp_path):
    digests = set()
    for name, content in [("a", "1"), ("b", "1"), ("a", "2")]:
        folder = tmp_path / f"{name}{content}"
        folder.mkdir()
        (folder / name).write_text(content)
        digests.add(tree_sha256(folder))
    assert len(digests) == 3
