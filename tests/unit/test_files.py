"""Half-written files never get the name of a finished file."""

import errno
import resource
import shutil
import signal
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from rasterio import Affine

from workflow_lib.data.scenes import Scene, write_scene
from workflow_lib.data.store import write_reconstruction
from workflow_lib.errors import DownlinkError
from workflow_lib.files import atomic, tree_sha256
from workflow_lib.measure.maps import Predictions, write_predictions
from workflow_lib.measure.rows import Key
from workflow_lib.measure.table import pooled_rows, write
from workflow_lib.training.weights import save_weights


def test_a_failed_write_keeps_the_old_file_and_removes_the_draft(tmp_path):
    target = tmp_path / "table.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError), atomic(target) as draft:
        draft.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_the_error_for_a_full_disk_names_file_and_remedy(tmp_path):
    target = tmp_path / "store.zarr"
    with pytest.raises(DownlinkError, match=r"store\.zarr: the disk is full.*Free"):
        with atomic(target) as draft:
            draft.mkdir()
            (draft / "chunk").write_bytes(b"1")
            raise OSError(errno.ENOSPC, "No space left on device")
    assert list(tmp_path.iterdir()) == []


@contextmanager
def full_disk():
    """Limit files to 4 kB, as on a full disk; Linux reports both in the same way."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


def scene(folder):
    rng = np.random.default_rng(0)
    image = rng.integers(1, 9999, (1, 128, 128)).astype(np.uint16)
    made = Scene(image, np.zeros((128, 128), np.uint8), Affine.identity(), None)
    write_scene(made, ("a",), "scene", folder / "scene.tif")


def store(folder, make_tiles):
    tiles = make_tiles(side=64)
    write_reconstruction(tiles, tiles.image, folder / "scene.zarr")


def weights(folder):
    save_weights(torch.nn.Linear(100, 100).state_dict(), folder / "weights.safetensors", {})


def table(folder):
    rng = np.random.default_rng(0)
    names = [f"psnr_db/{number}" for number in range(2000)]
    rows = pooled_rows(Key("d"), dict(zip(names, rng.random(2000), strict=True)))
    write(rows, folder / "table.parquet")


def maps(folder):
    rng = np.random.default_rng(0)
    places = np.zeros(4, np.int32)
    probability = rng.random((4, 64, 64), np.float32)
    write_predictions(
        Predictions(probability, np.float64(0.5), places.astype(str), places, places),
        folder / "maps.npz",
    )


@pytest.mark.parametrize("writer", [scene, store, weights, table, maps], ids=lambda w: w.__name__)
def test_every_writer_reports_a_full_disk_and_removes_its_draft(writer, tmp_path, make_tiles):
    arguments = (tmp_path, make_tiles) if writer is store else (tmp_path,)
    writer(*arguments)
    whole = sorted(path.name for path in tmp_path.iterdir())
    for path in tmp_path.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(DownlinkError, match="the disk is full"), full_disk():
        writer(*arguments)
    assert whole
    assert list(tmp_path.iterdir()) == []


def test_a_folder_replaces_an_older_one(tmp_path):
    target = tmp_path / "store"
    for content in ("old", "new"):
        with atomic(target) as draft:
            draft.mkdir()
            (draft / content).write_text(content)
    assert [file.name for file in target.iterdir()] == ["new"]


def test_the_digest_of_a_tree_covers_names_and_bytes(tmp_path):
    digests = set()
    for name, content in [("a", "1"), ("b", "1"), ("a", "2")]:
        folder = tmp_path / f"{name}{content}"
        folder.mkdir()
        (folder / name).write_text(content)
        digests.add(tree_sha256(folder))
    assert len(digests) == 3
