"""The incremental table: after each change of the finished smoke study, what is made again."""

from dataclasses import dataclass
from pathlib import Path

from changes import (
    Change,
    changed,
    deleted,
    edited,
    locked,
    moved,
    nothing,
    one_byte_changed,
    pixel_counted_up,
    touched,
)
from own import IMAGES, KEPT, LABELS, MORE_KNOWN, MORE_UNSEEN, STUDY

RESULTS = "results/smoke"
END = ("metrics.parquet", "main_table.csv", "findings.json", "report.html")
JUDGED = END[2:]
PAGE = END[3:]
LEARNED = tuple(
    f"*/{kind}/{codec}/*"
    for kind in ("bitstreams", "reconstructions", "distortion")
    for codec in ("dgml", "checkerboard", "hyperprior")
)
BY_TORCH = ("*/codecs/*", *LEARNED, "*/segmenters/unet/*", "*/scores/unet/*", *END)
BY_SEGMENTERS = ("*/segmenters/unet/*", "*/scores/unet/*", "*-joint-unet/*", "*-control-unet/*")
OWN_SCORED = (
    "own/tiles/scenes.txt",
    "own/reconstructions/*/scenes.txt",
    "own/segmenters/trivial/*",
    "own/scores/*",
    *END,
)
OWN_TRAINED = (
    "own/tiles/training-fold1.txt",
    "own/codecs/*",
    "own/*/dgml/*",
    "own/segmenters/unet/*",
    *OWN_SCORED,
)
MEGABYTE = 1_000_000
"""Snakemake's own limit, above which it would compare times."""


@dataclass(frozen=True)
class Row:
    """A row of the table in docs/incremental.md.

    Attributes:
        change: what happened, in the document's words.
        runs: what runs then, in the document's words.
        edit: makes it happen.
        made: patterns of the files below the study's results that are made again.
        kept: patterns of those among them that are not.
        targets: what is asked for by name, in place of the whole study.
    """

    change: str
    runs: str
    edit: Change
    made: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()


def _config(old: str, new: str) -> Change:
    return edited("config.yaml", old, new)


def _study(old: str, new: str) -> Change:
    return edited(str(STUDY), old, new)


def _code(module: str, old: str, new: str) -> Change:
    return edited(f"workflow_lib/{module}.py", old, new)


def _of(scene: str) -> str:
    """All files of one own scene."""
    return f"own/*/{scene}.*"


def _image(folder: Path, scene: str) -> str:
    return str(folder / f"{scene}.tif")


UNTOUCHED = (
    Row("nothing", "nothing", nothing()),
    Row(
        "every file below 1 MB touched: results, own rasters, templates",
        "nothing",
        touched(f"{RESULTS}/**/*", "own/**/*", "workflow_lib/**/*.j2", most=MEGABYTE),
    ),
    Row("every larger file touched", "nothing", touched(f"{RESULTS}/**/*", least=MEGABYTE)),
    Row(
        "every source file and the configuration touched",
        "nothing",
        touched(
            "Snakefile", "rules/*", "scripts/*", "workflow_lib/**/*.py", "configs/*", "config.yaml"
        ),
    ),
    Row(
        "a comment in the library",
        "nothing",
        _code("codecs/spectral", "_MIDDLE = 32768", "_MIDDLE = 32768  # half of the scale"),
    ),
    Row(
        "a docstring in the library",
        "nothing",
        _code("data/tiles", '"""Tiles in memory."""', '"""Tiles, in memory."""'),
    ),
    Row(
        "`tiling_budget`",
        "nothing",
        _config("{threads: 2, memory_mb: 2000}", "{threads: 1, memory_mb: 1000}"),
    ),
    Row("the lock's mypy", "nothing", locked("mypy")),
    Row("a log deleted", "nothing", deleted(f"{RESULTS}/logs/report.html.log")),
    Row(
        "a sidecar deleted",
        "nothing; `make audit` says so",
        deleted(f"{RESULTS}/provenance/report.html.json"),
    ),
    Row(
        "one byte of a store changed",
        "nothing; `make audit` says so, and so does a job that reads it",
        changed(f"{RESULTS}/own/tiles/unseen1.zarr/zarr.json", one_byte_changed),
    ),
)

CONFIGURED = (
    Row(
        "a rate added to one codec",
        "coding at this rate, its scores; table, findings, report",
        _study("klt-jpeg2000: [0.5]", "klt-jpeg2000: [0.5, 0.8]"),
        ("tiny-optical/*/klt-jpeg2000/0.8/*", *END),
    ),
    Row(
        "a rate removed",
        "table, findings, report",
        _study("jpeg2000: [0.5, 1.0, lossless]", "jpeg2000: [0.5, lossless]"),
        END,
    ),
    Row(
        "λ changed",
        "this codec's training on this dataset, its coding and scores; table, findings, report",
        _study("jpeg2000: [1.0]\n      dgml: [0.01]", "jpeg2000: [1.0]\n      dgml: [0.02]"),
        ("own/*/dgml/0.02/*", *END),
    ),
    Row(
        "a learned codec's coding unit",
        "coding by it, its scores; table, findings, report",
        _study("hyperprior: {<<: *tiny, unit: scene}", "hyperprior: {<<: *tiny, unit: fold}"),
        ("tiny-thermal/*/hyperprior/*", *END),
        ("*/codecs/*",),
    ),
    Row(
        "a seed added",
        "all trainings with this seed, coding and scores by them; table, findings, report",
        _config("seeds: [0]", "seeds: [0, 1]"),
        ("*fold?-seed1*", *END),
    ),
    Row(
        "a segmenter's training",
        "its trainings, fine-tunings with it, coding by these, its scores; table, findings, report",
        _study("training: {steps: 30,", "training: {steps: 31,"),
        (*BY_SEGMENTERS, *END),
    ),
    Row(
        "ε of the verdict",
        "findings, report",
        _study("{resamples: 200}", "{resamples: 200, epsilon: 0.02}"),
        JUDGED,
    ),
    Row("a dataset's caption", "report", _study("title: Own scenes", "title: My scenes"), PAGE),
    Row(
        "a dataset left out of `run`",
        "table, findings, report",
        _study("tiny-optical, own]", "tiny-optical]"),
        END,
    ),
)

IMAGED = (
    Row(
        "a scene added to the scored fold",
        "reading, tiling and coding it; the dataset's scores; table, findings, report",
        moved(_image(KEPT, MORE_UNSEEN), _image(IMAGES, MORE_UNSEEN)),
        (_of(MORE_UNSEEN), *OWN_SCORED),
    ),
    Row(
        "a scene added to a training fold",
        "reading, tiling and coding it; trainings that see it, all coding by what they trained;"
        " the dataset's scores; table, findings, report",
        moved(_image(KEPT, MORE_KNOWN), _image(IMAGES, MORE_KNOWN)),
        (_of(MORE_KNOWN), *OWN_TRAINED),
    ),
    Row(
        "a scene added where every fold is scored in turn",
        "the same, trainings of those replicates alone that do not hold it out",
        _study("seed: 1, scenes: 2}", "seed: 1, scenes: 3}"),
        (
            "tiny-thermal/*/generated2.*",
            "tiny-thermal/tiles/training-fold0.txt",
            "tiny-thermal/tiles/scenes.txt",
            "tiny-thermal/*/0.01/fold0-seed0/*",
            "tiny-thermal/segmenters/unet/original/fold0-seed0.*",
            "tiny-thermal/segmenters/trivial/*",
            "tiny-thermal/reconstructions/*/scenes.txt",
            "tiny-thermal/scores/*",
            *END,
        ),
    ),
    Row(
        "a scene removed from the scored fold",
        "the dataset's scores; table, findings, report",
        moved(_image(IMAGES, "unseen2"), _image(KEPT, "unseen2")),
        OWN_SCORED,
    ),
    Row(
        "a scene removed from a training fold",
        "trainings that saw it, coding by what they trained; the dataset's scores; table, findings,"
        " report",
        moved(_image(IMAGES, "known2"), _image(KEPT, "known2")),
        OWN_TRAINED,
    ),
    Row(
        "a label of the scored fold edited",
        "reading, tiling and coding this scene (its distortion is measured by label); the dataset's"
        " scores; table, findings, report",
        changed(_image(LABELS, "unseen1"), pixel_counted_up),
        (_of("unseen1"), *OWN_SCORED),
    ),
    Row(
        "a label of a training fold edited",
        "the same, and trainings that see it, all coding by what they trained",
        changed(_image(LABELS, "known1"), pixel_counted_up),
        (_of("known1"), *OWN_TRAINED),
    ),
    Row(
        "an image of the scored fold edited",
        "reading, tiling and coding this scene; the dataset's scores; table, findings, report",
        changed(_image(IMAGES, "unseen1"), pixel_counted_up),
        (_of("unseen1"), *OWN_SCORED),
    ),
)

CODED = (
    Row(
        "the code of the report's curves",
        "report",
        _code("report/figures", "_SIZE = (5.4, 3.9)", "_SIZE = (5.4, 4.0)"),
        PAGE,
    ),
    Row(
        "the code of the report's map strips",
        "report",
        _code("report/strips", "_MAX_SIDE = 128", "_MAX_SIDE = 127"),
        PAGE,
    ),
    Row(
        "a template of the report",
        "report",
        edited("workflow_lib/report/page.html.j2", "<body", "<body "),
        PAGE,
    ),
    Row(
        "the verdict's code",
        "findings, report",
        _code("metrics/verdict", "_Z = 1.645", "_Z = 1.644"),
        JUDGED,
    ),
    Row(
        "the table's code",
        "table, findings, report",
        edited("scripts/collect_metrics.py", "cli.run(main)", "cli.run(main)\nassert True"),
        END,
    ),
    Row(
        "the KLT's code",
        "coding by `klt-jpeg2000`, its scores; table, findings, report",
        _code("codecs/spectral", "_MIDDLE = 32768", "_MIDDLE = 32769"),
        ("tiny-optical/*/klt-jpeg2000/*", *END),
    ),
    Row(
        "JPEG XL's code",
        "coding by `jpegxl`, its scores; table, findings, report",
        _code("codecs/jpegxl", "_SEARCH_STEPS = 12", "_SEARCH_STEPS = 13"),
        ("tiny-thermal/*/jpegxl/*", *END),
    ),
    Row(
        "the training loop's code",
        "all trainings, coding by learned codecs, scores of segmenters; table, findings, report",
        _code("training/loop", "MAX_GRADIENT_NORM = 1.0", "MAX_GRADIENT_NORM = 2.0"),
        BY_TORCH,
    ),
    Row(
        "tiling's code",
        "everything but fetching and reading scenes",
        _code("data/tiling", "import pyproj\n", "import pyproj\nimport pyproj.crs\n"),
        ("*",),
        ("*/scenes/*.tif",),
    ),
)

LOCKED = (
    Row(
        "the lock's torch",
        "all trainings, coding by learned codecs, scores of segmenters; table, findings, report",
        locked("torch"),
        BY_TORCH,
    ),
    Row(
        "the lock's timm, which segmentation-models-pytorch needs",
        "what trains and scores segmenters, and what follows",
        locked("timm"),
        (*BY_SEGMENTERS, *END),
    ),
    Row(
        "the lock's imagecodecs",
        "coding by `jpegxl`, its scores; table, findings, report",
        locked("imagecodecs"),
        ("tiny-thermal/*/jpegxl/*", *END),
    ),
    Row("the lock's matplotlib, which draws", "report", locked("matplotlib"), PAGE),
)

WEIGHTS = f"{RESULTS}/own/segmenters/unet/original/fold1-seed0.safetensors"
CODED_SCENE = "own/reconstructions/jpeg2000/1/any/unseen1"

DAMAGED = (
    Row("the report deleted", "report", deleted(f"{RESULTS}/report.html"), PAGE),
    Row(
        "the findings deleted",
        "findings, report",
        deleted(f"{RESULTS}/findings.json"),
        JUDGED,
    ),
    Row(
        "one byte of a segmenter's weights changed",
        "its scores, as if it had been trained so; table, findings, report; `make audit` says so",
        changed(WEIGHTS, one_byte_changed),
        ("own/scores/unet/*", *END),
    ),
    Row(
        "a reconstruction deleted",
        "nothing, until a job has to read it; `make audit` says so",
        deleted(f"{RESULTS}/{CODED_SCENE}.zarr"),
    ),
    Row(
        "a reconstruction deleted, and asked for by name",
        "the job that coded this scene",
        deleted(f"{RESULTS}/{CODED_SCENE}.zarr"),
        ("own/*/jpeg2000/1/any/unseen1.*",),
        targets=(f"{RESULTS}/{CODED_SCENE}.zarr",),
    ),
)

ROWS = (*UNTOUCHED, *CONFIGURED, *IMAGED, *CODED, *LOCKED, *DAMAGED)
