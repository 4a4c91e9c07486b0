"""The report of a study whose artifacts are complete."""

from pathlib import Path

import numpy as np
import rasterio

from workflow_lib.config.study import Study
from workflow_lib.data import listing
from workflow_lib.data.store import read_reconstructions, read_tiles
from workflow_lib.data.tiles import Tiles
from workflow_lib.metrics.maps import read_predictions
from workflow_lib.metrics.table import read
from workflow_lib.paths import Paths, rate_name
from workflow_lib.report.page import write_report
from workflow_lib.report.strips import Prediction, Strip, choose_tile, make_strip
from workflow_lib.segmentation.trivial import TrivialMap


def build_report(study: Study, target: Path) -> None:
    """Write the report from the artifacts that the study's paths name.

    Args:
        study: the study.
        target: HTML file to write.
    """
    paths = Paths(study.results)
    write_report(
        study,
        read([Path(paths.metrics())]),
        trivial={name: _trivial(paths, name) for name in study.run},
        notes={name: _notes(study, paths, name) for name in study.run},
        strips={name: _strip(study, paths, name) for name in study.run},
        target=target,
    )


def _trivial(paths: Paths, dataset: str) -> str:
    return TrivialMap.from_json(Path(paths.trivial_map(dataset)).read_text()).name


def _notes(study: Study, paths: Paths, dataset: str) -> list[str]:
    notes = []
    for scene in listing.scenes(study.datasets[dataset].source):
        with rasterio.open(paths.scene(dataset, scene)) as raster:
            notes += [f"{scene}: {note}" for note in raster.tags().get("notes", "").splitlines()]
    return notes


def _strip(study: Study, paths: Paths, dataset: str) -> Strip:
    """The tile shown, with the maps of the first segmenter and seed."""
    config = study.datasets[dataset]
    scenes = listing.scenes(config.source)
    tiles = read_tiles([Path(paths.tiles(dataset, scene)) for scene in scenes])
    index = choose_tile(tiles)
    shown = tiles.only(index)
    scene, segmenter, seed = str(shown.scene[0]), config.segmenters[0], str(study.seeds[0])
    points = [(codec, rate_name(r)) for codec, rates in config.rates.items() for r in rates]
    own = tiles.of_scene(scene)
    place = int(np.flatnonzero((own.row == shown.row) & (own.col == shown.col))[0])
    return make_strip(
        own,
        place,
        {
            point: read_reconstructions(
                own, [Path(paths.reconstruction(dataset, *point, scene))]
            ).image[place]
            for point in points
        },
        {
            point: _prediction(
                paths.scores(dataset, *point, segmenter, "frozen", seed), shown, paths
            )
            for point in points
        },
        _prediction(paths.original_scores(dataset, segmenter, seed), shown, paths),
    )


def _prediction(scores: str, shown: Tiles, paths: Paths) -> Prediction:
    """The prediction of one tile, and its threshold."""
    maps = read_predictions(Path(paths.predictions(scores)))
    same = (maps.scene == shown.scene) & (maps.row == shown.row) & (maps.col == shown.col)
    return maps.probability[same][0], float(maps.threshold)
