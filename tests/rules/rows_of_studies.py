"""Rows of the incremental table: changes of the study or its imagery."""

from pathlib import Path

from changes import Change, changed, edited, moved, pixel_counted_up
from own import IMAGES, KEPT, LABELS, MORE_KNOWN, MORE_UNSEEN, STUDY
from row import BY_SEGMENTERS, END, JUDGED, OWN_SCORED, OWN_TRAINED, PAGE, Row

DEFAULTS = "workflow_lib/config/defaults.yaml"


def _default(old: str, new: str) -> Change:
    return edited(DEFAULTS, old, new)


def _study(old: str, new: str) -> Change:
    return edited(str(STUDY), old, new)


def _of(scene: str) -> str:
    """Pattern of all files of one user scene."""
    return f"own/*/{scene}.*"


def _raster(folder: Path, scene: str) -> str:
    return str(folder / f"{scene}.tif")


CONFIGURED = (
    Row(
        "a rate added to one codec",
        "coding and scores at this rate; table, findings, report",
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
        "training, coding and scores of this codec on this dataset; table, findings, report",
        _study("jpeg2000: [1.0]\n      dgml: [0.01]", "jpeg2000: [1.0]\n      dgml: [0.02]"),
        ("own/*/dgml/0.02/*", *END),
    ),
    Row(
        "a learned codec's coding unit changed",
        "coding and scores of this codec; table, findings, report",
        _study("hyperprior: {<<: *tiny, unit: scene}", "hyperprior: {<<: *tiny, unit: fold}"),
        ("tiny-thermal/*/hyperprior/*", *END),
        ("*/codecs/*",),
    ),
    Row(
        "a seed added",
        "all trainings with this seed, coding and scores that use them; table, findings, report",
        _default("seeds: [0]", "seeds: [0, 1]"),
        ("*fold?-seed1*", *END),
    ),
    Row(
        "a segmenter's training schedule changed",
        "its trainings and scores, fine-tuning with it, coding by the fine-tuned codecs; table, "
        "findings, report",
        _study("training: {steps: 30,", "training: {steps: 31,"),
        (*BY_SEGMENTERS, *END),
    ),
    Row(
        "ε of the verdict changed",
        "findings, report",
        _study("{resamples: 200}", "{resamples: 200, epsilon: 0.02}"),
        JUDGED,
    ),
    Row(
        "a dataset's caption changed",
        "report",
        _study("title: Own scenes", "title: My scenes"),
        PAGE,
    ),
    Row(
        "a dataset removed from `run`",
        "table, findings, report",
        _study("tiny-optical, own]", "tiny-optical]"),
        END,
    ),
)

IMAGED = (
    Row(
        "a scene added to the scored fold",
        "reading, tiling and coding of this scene; all scores of the dataset; table, findings, "
        "report",
        moved(_raster(KEPT, MORE_UNSEEN), _raster(IMAGES, MORE_UNSEEN)),
        (_of(MORE_UNSEEN), *OWN_SCORED),
    ),
    Row(
        "a scene added to a training fold",
        "reading, tiling and coding of this scene; trainings that use it, coding by the codecs "
        "trained there; all scores of the dataset; table, findings, report",
        moved(_raster(KEPT, MORE_KNOWN), _raster(IMAGES, MORE_KNOWN)),
        (_of(MORE_KNOWN), *OWN_TRAINED),
    ),
    Row(
        "a scene added where every fold is held out in turn",
        "the same, but only trainings of replicates that do not hold the scene out",
        _study("seed: 1, scenes: 2}", "seed: 1, scenes: 3}"),
        (
            "tiny-thermal/*/generated2.*",
            "tiny-thermal/tiles/training-fold0.txt",
            "tiny-thermal/tiles/scenes.txt",
            "tiny-thermal/*/0.01/fold0-seed0/*",
            "tiny-thermal/segmenters/unet/original/fold0-seed0.*",
            "tiny-thermal/segmenters/threshold-baseline/*",
            "tiny-thermal/reconstructions/*/scenes.txt",
            "tiny-thermal/scores/*",
            *END,
        ),
    ),
    Row(
        "a scene removed from the scored fold",
        "all scores of the dataset; table, findings, report",
        moved(_raster(IMAGES, "unseen2"), _raster(KEPT, "unseen2")),
        OWN_SCORED,
    ),
    Row(
        "a scene removed from a training fold",
        "trainings that used it, coding by the codecs trained there; all scores of the dataset; "
        "table, findings, report",
        moved(_raster(IMAGES, "known2"), _raster(KEPT, "known2")),
        OWN_TRAINED,
    ),
    Row(
        "a label of the scored fold edited",
        "reading, tiling and coding of this scene, because distortion is measured by label; all "
        "scores of the dataset; table, findings, report",
        changed(_raster(LABELS, "unseen1"), pixel_counted_up),
        (_of("unseen1"), *OWN_SCORED),
    ),
    Row(
        "a label of a training fold edited",
        "the same, and trainings that use the scene, coding by the codecs trained there",
        changed(_raster(LABELS, "known1"), pixel_counted_up),
        (_of("known1"), *OWN_TRAINED),
    ),
    Row(
        "an image of the scored fold edited",
        "reading, tiling and coding of this scene; all scores of the dataset; table, findings, "
        "report",
        changed(_raster(IMAGES, "unseen1"), pixel_counted_up),
        (_of("unseen1"), *OWN_SCORED),
    ),
)
