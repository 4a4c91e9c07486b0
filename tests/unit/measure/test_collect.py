"""Collecting tables of folds and scenes: which figures are pooled and which rows are kept."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from workflow_lib.codecs.coding import encode_scene
from workflow_lib.codecs.kinds.jpeg2000 import Jpeg2000, Jpeg2000Codec
from workflow_lib.measure.coded import coded_table
from workflow_lib.measure.collect import collect
from workflow_lib.measure.rows import Key
from workflow_lib.measure.scores import MapScores
from workflow_lib.measure.table import join, pooled_rows, read, tile_rows, write

ROOT = Path(__file__).parents[3]


@pytest.fixture
def coded(make_tiles, tmp_path):
    """Tiles, coded size and folder of a scene whose two folds are off by one and three counts."""
    tiles = make_tiles(side=32)
    config = Jpeg2000(kind="jpeg2000")
    size = encode_scene(tiles, Jpeg2000Codec(), config, 2.0, tmp_path / "scene.dlk")
    image = np.where(tiles.fold[:, None, None, None] == 0, tiles.image + 1, tiles.image + 3)
    key = Key("made", "jpeg2000", "2")
    table = coded_table(key, tiles, image.astype(np.uint16), size, [0, 1]).to_pandas()
    write(table, tmp_path / "coded.parquet")
    return tiles, size, tmp_path


def collected(folder, info, files):
    collect({"made": info}, files, folder / "metrics.parquet", folder / "main.csv")
    return read([folder / "metrics.parquet"])


def pooled(table, **where):
    whole = table[(table["scene"] == "") & table["fold"].isna()]
    for column, value in where.items():
        whole = whole[whole[column] == value]
    return whole.set_index("metric")["value"]


def test_every_fold_is_charged_and_pooled_once(coded):
    tiles, size, folder = coded
    figures = pooled(collected(folder, tiles.info, [folder / "coded.parquet"]), regime="")
    of_units = sum((part.coded for part in size.units[1:]), size.units[0].coded)
    assert figures["payload_bytes"] == of_units.payload
    assert figures["header_bytes"] == of_units.header + 2 * size.common
    assert figures["samples"] == tiles.valid.sum() * 2
    errors = np.where(tiles.fold == 0, 1, 9) * tiles.valid.sum(axis=(1, 2)) * 2
    assert figures["sse"] == errors.sum()
    # each fold trains on the other fold's tiles, except for validation tiles
    held = [tiles.holding_out(fold) for fold in (0, 1)]
    seen = [errors[h.split == "train"].sum() for h in held]
    samples = sum(h.where("train").valid.sum() * 2 for h in held)
    mse = sum(seen) / samples
    assert figures["psnr_training_db"] == pytest.approx(10 * np.log10(10000**2 / mse))


def test_psnr_of_borrowed_training_tiles_is_undefined(coded):
    tiles, size, folder = coded
    key = Key("made", "jpeg2000", "2")
    borrowed = coded_table(key, tiles, tiles.image, size, [1], 7, borrowed=True).to_pandas()
    write(borrowed, folder / "borrowed.parquet")
    figures = pooled(collected(folder, tiles.info, [folder / "borrowed.parquet"]))
    assert np.isnan(figures["psnr_training_db"])
    assert figures["codec_training_tiles"] == 7


def test_pixels_of_folds_are_pooled_and_average_precision_is_averaged(make_tiles, tmp_path):
    tiles = make_tiles(side=32)
    mapped = tiles.image[:, 0] > 3300
    files = []
    for fold, precision in ((0, 0.5), (1, 0.7)):
        own = tiles.of_fold(fold)
        scores = MapScores.of(own, mapped[tiles.fold == fold])
        key = Key("made", regime="original", segmenter="unet", seed=3, fold=fold)
        figures = {**scores.pooled(), "average_precision": precision}
        files.append(tmp_path / f"fold{fold}.parquet")
        rows = [tile_rows(key, own, scores.per_tile()), pooled_rows(key, figures)]
        write(join(rows), files[-1])
    table = collected(tmp_path, tiles.info, files)
    found = pooled(table, regime="original", seed=3)
    expected = MapScores.of(tiles, mapped).pooled()
    for name in ("tp", "fp", "fn", "tn", "iou", "f1"):
        assert found[name] == expected[name]
    assert found["average_precision"] == pytest.approx(0.6)
    of_tiles = table[table["row"].notna()]
    assert set(of_tiles["metric"]) == {"tp", "fp", "fn", "tn"}


def test_more_tables_than_a_command_line_holds(coded):
    """40,000 names of 60 characters exceed a command line of 2 MB; standard input has no limit."""
    tiles, _, folder = coded
    command = [sys.executable, str(ROOT / "scripts/collect_metrics.py")]
    command += ["--infos", json.dumps({"made": tiles.info.model_dump()})]
    command += ["--metrics", str(folder / "m.parquet"), "--main-table", str(folder / "m.csv")]
    names = [str(folder / "coded.parquet")] + [str(folder / f"missing{n}") for n in range(40_000)]
    done = subprocess.run(
        command,
        input="\n".join(names),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert "missing0: not a readable table" in done.stderr
    done = subprocess.run(
        command,
        input=names[0] + "\n",
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    assert len(pd.read_csv(folder / "m.csv")) == 1
