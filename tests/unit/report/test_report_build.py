"""Building the report from artifacts on disk."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from blank import BLANK
from made_up import build, tiles_of
from reading import texts

from workflow_lib.data.store import Variable, write_reconstruction, write_store
from workflow_lib.errors import DownlinkError
from workflow_lib.measure import table as tables
from workflow_lib.measure.maps import Predictions, write_predictions
from workflow_lib.paths import Paths, replicate
from workflow_lib.provenance.machines import where_trained
from workflow_lib.report.build import build_report
from workflow_lib.segmentation.threshold_baseline import ThresholdBaseline

SCENE = "generated0"


def write_tiles(tiles, target):
    """Write a tile store like the data stage."""
    variables = {
        "image": Variable(("tile", "band", "y", "x"), tiles.image),
        "label": Variable(("tile", "y", "x"), tiles.label),
        "validation": Variable(("tile",), tiles.validation.astype(np.uint8)),
    }
    for name in ("row", "col", "block", "fold"):
        variables[name] = Variable(("tile",), getattr(tiles, name))
    write_store(variables, {"scene": SCENE, "info": tiles.info.canonical()}, target, 4)


def write_maps(tiles, scores, paths):
    own = tiles.where("test")
    probability = np.full(own.label.shape, 0.9, np.float32)
    found = Predictions(probability, np.float64(0.5), own.scene, own.row, own.col)
    write_predictions(found, Path(paths.predictions(scores)))


def write_scene(tiles, target):
    target.parent.mkdir(parents=True)
    shape = {"width": 4, "height": 4, "count": len(tiles.info.bands) + 1, "dtype": "uint16"}
    with rasterio.open(target, "w", driver="GTiff", **shape) as raster:
        raster.update_tags(notes="two values saturated")


@pytest.fixture
def config(config, tmp_path):
    """Two datasets with different held-out folds; the second uses the codec of the first."""
    config |= {"results": str(tmp_path), "seeds": [3], "run": ["fire", "cloud"]}
    rates = {"rates": {"jpeg2000": [0.1], "dgml": [0.004]}, "regimes": {}}
    folds = {"block_tiles": 2, "salt": "a"}
    for name, held_out in (("fire", [0, 1]), ("cloud", [1])):
        tiling = {"tile": 32, "folds": folds | {"held_out": held_out}}
        config["datasets"][name] = config["datasets"]["fire"] | rates | {"tiling": tiling}
    config["datasets"]["cloud"]["codec_from"] = "fire"
    return config


@pytest.fixture
def study(config):
    """A study with exactly the artifacts that its report needs."""
    inputs = build(config)
    study = inputs.study
    paths = Paths(study.results)
    tables.write(inputs.table, Path(paths.metrics()))
    Path(paths.findings()).write_text(inputs.findings.canonical())
    for name, trained in (("fire", "fold0-seed3"), ("cloud", "fold0-seed3")):
        folds = study.datasets[name].tiling.folds.held_out
        made = tiles_of(study, name, np.random.default_rng(0))
        tiles = replace(made, scene=np.full(len(made), SCENE)).holding_out(folds[0])
        write_tiles(tiles, Path(paths.tiles(name, SCENE)))
        write_scene(tiles, Path(paths.scene(name, SCENE)))
        for fold in folds:
            baseline = ThresholdBaseline(f"M1 > {fold}", (0,), fold, True, 0.5)
            target = Path(paths.threshold_baseline(name, fold))
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(baseline.to_json())
        first = replicate(folds[0], 3)
        write_maps(tiles, paths.original_scores(name, "unet", first), paths)
        for codec, rate, training in (("jpeg2000", "0.1", "any"), ("dgml", "0.004", trained)):
            store = paths.reconstruction(name, codec, rate, training, SCENE)
            write_reconstruction(tiles, tiles.image, Path(store))
            write_maps(tiles, paths.scores(name, codec, rate, "unet", "frozen", first), paths)
    return study


def test_the_report_shows_the_first_replicate(study, tmp_path):
    build_report(study, "", tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert page.count("One held-out tile at every rate") == 2
    assert page.count('alt="map from dgml at 0.004"') == 2
    assert page.count("two values saturated") == 2
    text = texts(page)
    assert "fold 0 held out: M1 &gt; 0; fold 1 held out: M1 &gt; 1" in page
    assert "each of 2 folds in turn" in text
    assert "fold 1 of 2 (numbered from 0)" in text


def test_the_tile_belongs_to_the_first_held_out_fold(study, tmp_path):
    build_report(study, "", tmp_path / "report.html")
    fire, cloud = re.findall(r"Tile at row (\d), column", (tmp_path / "report.html").read_text())
    assert (fire, cloud) == ("0", "1")


def record_training(study, name, instructions):
    weights = Paths(study.results).original_segmenter("fire", "unet", name)
    record = replace(BLANK, instructions={"torch": instructions}, device="cpu")
    sidecar = Path(Paths(study.results).sidecar(weights))
    sidecar.parent.mkdir(parents=True, exist_ok=True)
    sidecar.write_text(record.to_text())


def test_trainings_on_unlike_instruction_sets_are_told(study, tmp_path):
    record_training(study, "fold0-seed3", "AVX512")
    assert where_trained(study) == "All 1 trainings ran on AVX512 (cpu)."
    record_training(study, "fold1-seed3", "AVX512")
    record_training(study, "fold2-seed3", "DEFAULT")
    told = where_trained(study)
    assert told.endswith("may differ: 2 of 3 on AVX512 (cpu), 1 of 3 on DEFAULT (cpu).")
    build_report(study, told, tmp_path / "report.html")
    assert told in (tmp_path / "report.html").read_text()


def test_a_patched_package_is_told(study, tmp_path):
    study = study.model_copy(update={"patched": {"timm": "a <bug>"}})
    build_report(study, "", tmp_path / "report.html")
    told = "ran with timm in an altered form: a &lt;bug&gt;."
    assert told in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize("text", [None, "{}", "no json"])
def test_missing_or_damaged_findings_name_file_and_remedy(study, tmp_path, text):
    target = Path(Paths(study.results).findings())
    if text is None:
        target.unlink()
    else:
        target.write_text(text)
    with pytest.raises(DownlinkError, match=r"findings\.json.*un the study again"):
        build_report(study, "", tmp_path / "report.html")
