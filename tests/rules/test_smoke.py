"""The smoke study, from scenes to the report, through Snakemake."""

import json
import sys

import numpy as np
import pandas as pd
import pytest
import rasterio
import yaml

from workflow_lib.config.study_files import load
from workflow_lib.data.store import read_reconstructions, read_tiles
from workflow_lib.inference.findings import Findings
from workflow_lib.paths import UNTRAINED, Paths, rate_name
from workflow_lib.training.weights import load_weights

SMOKE = ("--configfile", "configs/smoke.yaml")
PATHS = Paths("results/smoke")
IN_TURN = """
import json, runpy, sys
for command in json.loads(sys.argv[1]):
    sys.argv = command
    runpy.run_path(command[0], run_name="__main__")
"""
SCENES_OF_FIVE_FOLDS = (1, 2, 4, 6, 14)


def test_everything_that_the_study_names_is_in_the_main_table_and_report(finished):
    table = pd.read_csv(finished.folder / PATHS.main_table())
    points = set(zip(table["dataset"], table["codec"], table["rate"], strict=True))
    smoke = yaml.safe_load((finished.folder / "configs/smoke.yaml").read_text())
    assert points == {
        (name, codec, rate_name(rate))
        for name in smoke["run"]
        for codec, rates in smoke["datasets"][name]["rates"].items()
        for rate in rates
    }
    assert (
        table[["bpppb", "psnr_db", "iou_frozen", "iou_originals", "iou_baseline"]]
        .notna()
        .all(axis=None)
    )
    assert list(table.loc[np.isinf(table["psnr_db"]), "rate"]) == ["lossless"]
    assert table["iou_retrained"].notna().sum() == 1
    findings = Findings.parse((finished.folder / PATHS.findings()).read_text())
    assert [found.dataset for found in findings.findings] == smoke["run"]
    regimes = {(p.codec, p.regime) for p in findings.findings[1].points}
    assert {("dgml", "joint"), ("dgml", "control"), ("dgml", "mismatched")} <= regimes
    assert {claim.hypothesis for claim in findings.claims} == {"H1", "H2", "H3"}
    page = (finished.folder / PATHS.report()).read_text()
    assert all(name in page for name in smoke["run"])


CODED = [
    ("tiny-thermal", "jpeg2000", "0.5", "any", "generated1"),
    ("tiny-thermal", "jpeg2000", "lossless", "any", "generated0"),
    ("tiny-thermal", "jpegxl", "0.5", "any", "generated0"),
    ("tiny-thermal", "dgml", "0.01", "fold0-seed0", "generated0"),
    ("tiny-optical", "dgml", "0.01", "fold1-seed0-joint-unet", "generated0"),
    ("tiny-optical", "klt-jpeg2000", "0.5", "any", "generated0"),
    ("tiny-optical", "jpeg2000-per-band", "0.8", "any", "generated0"),
    ("tiny-optical", "jpeg2000-native", "0.5", "any", "generated0"),
    ("tiny-optical", "dgml", "0.01", "fold1-seed0", "generated0"),
    ("tiny-optical", "checkerboard", "0.01", "fold1-seed0", "generated0"),
    ("tiny-thermal", "hyperprior", "0.01", "fold0-seed0", "generated1"),
]
"""Dataset, codec, rate, training and scene of bitstreams."""


def test_a_new_process_decodes_what_was_scored(finished, tmp_path):
    codecs = load([finished.folder / "configs/smoke.yaml"]).codecs

    def command(number, dataset, codec, rate, training, scene):
        arguments = {
            "--bitstream": PATHS.bitstream(dataset, codec, rate, training, scene),
            "--tiles": PATHS.tiles(dataset, scene),
            "--codec": codecs[codec].canonical(),
            "--reconstruction": str(tmp_path / f"{number}.zarr"),
        }
        if training != UNTRAINED:
            arguments["--weights"] = PATHS.codec_weights(dataset, codec, rate, training)
        return ["scripts/decode_scene.py", *(text for pair in arguments.items() for text in pair)]

    commands = [command(number, *coded) for number, coded in enumerate(CODED)]
    finished.call([sys.executable, "-c", IN_TURN, json.dumps(commands)])
    for number, (dataset, codec, rate, training, scene) in enumerate(CODED):
        originals = read_tiles([finished.folder / PATHS.tiles(dataset, scene)])
        scored = finished.folder / PATHS.reconstruction(dataset, codec, rate, training, scene)
        np.testing.assert_array_equal(
            read_reconstructions(originals, [tmp_path / f"{number}.zarr"]).image,
            read_reconstructions(originals, [scored]).image,
            err_msg=f"{CODED[number]}",
        )


def test_the_rate_in_the_table_is_the_bitstreams_size(finished):
    table = pd.read_parquet(
        finished.folder / PATHS.distortion("tiny-optical", "jpeg2000", "0.5", "any", "generated0")
    )
    whole = table[table["row"].isna()].set_index("metric")["value"]
    file = finished.folder / PATHS.bitstream("tiny-optical", "jpeg2000", "0.5", "any", "generated0")
    scored = whole["payload_bytes"] + whole["header_bytes"] + whole["side_bytes"]
    tiles = read_tiles([finished.folder / PATHS.tiles("tiny-optical", "generated0")], held_out=1)
    pixels = tiles.where("test").valid.sum()
    assert scored < file.stat().st_size
    assert whole["bpppb"] == pytest.approx(8 * scored / (3 * pixels))


def test_a_dataset_whose_codec_another_one_trains_can_run_alone(project):
    planned = project.planned("--config", 'run=["settlement"]')
    assert planned["fit_codec"] == 4
    assert planned["tile_scene"] == 2


def test_every_scene_is_scored_once_by_what_has_not_seen_it(finished):
    """Each thermal scene is assigned to a different fold, and each fold is held out once."""
    table = pd.read_parquet(finished.folder / PATHS.metrics())
    thermal = table[(table["dataset"] == "tiny-thermal") & (table["metric"] == "tp")]
    place = ["codec", "rate", "regime", "trained_on", "scene", "row", "col"]
    tiles = thermal[thermal["row"].notna()]
    assert not tiles.duplicated(place).any()
    assert (tiles.groupby("scene")["fold"].nunique() == 1).all()
    assert tiles["fold"].nunique() == tiles["scene"].nunique() == 2
    for fold in (0, 1):
        weights = PATHS.codec_weights("tiny-thermal", "dgml", "0.01", f"fold{fold}-seed0")
        own = read_tiles(
            [finished.folder / PATHS.tiles("tiny-thermal", f"generated{n}") for n in (0, 1)],
            held_out=fold,
        ).where("train")
        trained = load_weights(finished.folder / weights)[1]
        assert int(trained["training_tiles"]) == len(own)


def test_figures_of_all_folds_are_sums_of_the_folds(finished):
    table = pd.read_parquet(finished.folder / PATHS.metrics())
    maps = table[
        (table["dataset"] == "tiny-thermal")
        & (table["codec"] == "dgml")
        & (table["regime"] == "frozen")
        & (table["scene"] == "")
    ].set_index(["metric", "fold"])["value"]
    of_folds = {name: maps[name].dropna() for name in ("tp", "fp", "fn")}
    whole = {name: values[values.index.isna()].item() for name, values in of_folds.items()}
    for name, values in of_folds.items():
        assert values[~values.index.isna()].sum() == whole[name]
    iou = maps["iou"][maps["iou"].index.isna()].item()
    assert iou == whole["tp"] / sum(whole.values())


def test_paper_scale_plans_every_replicate(project):
    """The codec of a dataset has five folds, five seeds and six rates."""
    for folder in ("images", "labels"):
        (project.folder / "data/fire" / folder).mkdir(parents=True)
        for scene in SCENES_OF_FIVE_FOLDS:
            (project.folder / "data/fire" / folder / f"s{scene}.tif").touch()
    one = ("seeds=[0]", 'run=["paper-fire"]')
    planned = project.planned("--configfile", "configs/paper.yaml", "--config", *one)
    assert planned["fit_codec"] == 6 * 5
    assert planned["finetune"] == 3 * 2 * 2 * 5
    assert planned["train_on_originals"] == 2 * 5
    assert planned["tile_scene"] == 5


def test_a_wrong_key_is_one_line_and_starts_no_job(project):
    done = project.snakemake("--config", "thread=2", check=False)
    assert done.returncode != 0
    assert "configuration: thread: unknown key" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not (project.folder / "results").exists()


def test_a_bad_raster_stops_with_its_name_and_poisons_nothing(project):
    smoke = yaml.safe_load((project.folder / "configs/smoke.yaml").read_text())
    mine = smoke["datasets"]["tiny-optical"]
    mine["bands"] = ["B02"]
    mine["rates"] = {"jpeg2000": [0.5]}
    mine["regimes"] = {}
    mine["source"] = {
        "recipe": "rasters",
        "images": "own/*.tif",
        "labels": "own/labels/{scene}.tif",
        "positive": [1],
        "values": "counts",
    }
    study = {**smoke, "results": "results/own", "run": ["mine"], "datasets": {"mine": mine}}
    (project.folder / "own.yaml").write_text(yaml.safe_dump(study))
    (project.folder / "own/labels").mkdir(parents=True)
    image, label = (project.folder / "own" / name for name in ("a.tif", "labels/a.tif"))
    image.write_bytes(b"II*\0 this is no raster")
    label.write_bytes(b"")
    options = ("--configfile", "own.yaml", "--", "results/own/mine/tiles/a.manifest.json")
    failed = project.snakemake(*options, check=False)
    assert failed.returncode != 0
    assert "Replace or remove" in failed.stdout + failed.stderr
    log = (project.folder / "results/own/logs/mine/scenes/a.tif.log").read_text()
    assert "own/a.tif" in log
    assert "Replace or remove" in log
    assert "Traceback" not in log
    assert not list((project.folder / "results/own/mine").rglob("*.tif*"))
    for file, counts in ((image, np.arange(1, 4097)), (label, np.arange(4096) % 2)):
        profile = {"driver": "GTiff", "count": 1, "height": 64, "width": 64, "dtype": "uint16"}
        file.unlink()
        with rasterio.open(file, "w", **profile) as raster:
            raster.write(counts.reshape(1, 64, 64).astype(np.uint16) % 6)
    project.snakemake(*options)
    assert (project.folder / "results/own/mine/tiles/a.zarr/zarr.json").exists()
    assert project.planned("--configfile", "own.yaml")["write_report"] == 1
