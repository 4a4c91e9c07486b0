"""Build the report of a finished study from its artifacts."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import rasterio

from workflow_lib.config.datasets import Rate
from workflow_lib.config.study import Study
from workflow_lib.data import listing
from workflow_lib.data.store import read_reconstructions, read_tiles
from workflow_lib.data.tiles import Tiles
from workflow_lib.inference.findings import read_findings
from workflow_lib.measure.maps import read_predictions
from workflow_lib.measure.table import read
from workflow_lib.paths import Paths, rate_name, replicate
from workflow_lib.report.page import write_report
from workflow_lib.report.tile_strips import Point, Prediction, Strip, choose_tile, make_strip
from workflow_lib.segmentation.threshold_baseline import ThresholdBaseline


def build_report(study: Study, machines: str, target: Path) -> None:
    """Read the study's artifacts and write its report.

    Args:
        study: configuration of the study.
        machines: where networks were trained, in words.
        target: HTML file to write.

    Raises:
        DownlinkError: an artifact is missing or damaged, or the disk is full.
    """
    paths = Paths(study.results)
    write_report(
        study,
        read([Path(paths.metrics())]),
        read_findings(Path(paths.findings())),
        baseline={name: _baseline(study, paths, name) for name in study.run},
        notes={name: _notes(study, paths, name) for name in study.run},
        strips={name: _strip(study, paths, name) for name in study.run},
        machines=machines,
        target=target,
    )


def _baseline(study: Study, paths: Paths, dataset: str) -> str:
    """Describe the threshold baseline, by fold if folds differ."""
    folds = study.datasets[dataset].tiling.folds.held_out
    maps = [
        ThresholdBaseline.from_json(Path(paths.threshold_baseline(dataset, f)).read_text())
        for f in folds
    ]
    if len({baseline.name for baseline in maps}) == 1:
        return maps[0].name
    by_fold = zip(folds, maps, strict=True)
    return "; ".join(f"fold {fold} held out: {baseline.name}" for fold, baseline in by_fold)


def _notes(study: Study, paths: Paths, dataset: str) -> list[str]:
    notes = []
    for scene in listing.scenes(study.datasets[dataset].source):
        with rasterio.open(paths.scene(dataset, scene)) as raster:
            notes += [f"{scene}: {note}" for note in raster.tags().get("notes", "").splitlines()]
    return notes


def _strip(study: Study, paths: Paths, dataset: str) -> Strip:
    """Choose a tile and collect its maps of the first segmenter, held-out fold and seed."""
    config = study.datasets[dataset]
    scenes = listing.scenes(config.source)
    fold, seed, segmenter = config.tiling.folds.held_out[0], study.seeds[0], config.segmenters[0]
    tiles = read_tiles([Path(paths.tiles(dataset, scene)) for scene in scenes], held_out=fold)
    shown = tiles.only(choose_tile(tiles))
    scene, training = str(shown.scene[0]), replicate(fold, seed)
    own = tiles.of_scene(scene)
    place = int(np.flatnonzero((own.row == shown.row) & (own.col == shown.col))[0])

    def store(codec: str, rate: str) -> Path:
        name = study.training(dataset, codec, fold, seed)
        return Path(paths.reconstruction(dataset, codec, rate, name, scene))

    def prediction(codec: str, rate: str) -> Prediction:
        scores = paths.scores(dataset, codec, rate, segmenter, "frozen", training)
        return _prediction(scores, shown, paths)

    originals = paths.original_scores(dataset, segmenter, training)
    return make_strip(
        own,
        place,
        {
            point: read_reconstructions(own, [store(*point)]).image[place]
            for point in _points(config.rates)
        },
        {point: prediction(*point) for point in _points(config.points("frozen"))},
        _prediction(originals, shown, paths) if config.regimes.original else None,
    )


def _points(rates: Mapping[str, Sequence[Rate]]) -> list[Point]:
    return [(codec, rate_name(rate)) for codec, own in rates.items() for rate in own]


def _prediction(scores: str, shown: Tiles, paths: Paths) -> Prediction:
    """Read the prediction of one tile and its threshold."""
    maps = read_predictions(Path(paths.predictions(scores)))
    same = (maps.scene == shown.scene) & (maps.row == shown.row) & (maps.col == shown.col)
    return maps.probability[same][0], float(maps.threshold)
