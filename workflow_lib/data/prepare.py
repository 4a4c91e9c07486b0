"""From a dataset's source to the GeoTIFF of a scene."""

import logging
from pathlib import Path

from workflow_lib.config.datasets import (
    Archive,
    EcostressFire,
    Generated,
    Imagery,
    LandsatCloud,
    Rasters,
    SentinelRoofs,
    SentinelSettlement,
)
from workflow_lib.data import archives, listing, rasters
from workflow_lib.data.recipes import cloud, fire, generated, roofs, settlement
from workflow_lib.data.scenes import Scene, write_scene

_log = logging.getLogger(__name__)


def prepare_scene(
    name: str, imagery: Imagery, archive: tuple[Path, Archive] | None, target: Path
) -> None:
    """Read a scene as its source says and write it as GeoTIFF.

    Args:
        name: the scene's name, one of `listing.scenes(imagery.source)`.
        imagery: source, bands and quantity.
        archive: file and pin of the archive, for sources that name one.
        target: the GeoTIFF.

    Raises:
        DownlinkError: the source is damaged, or nothing can be learned from the scene.
    """
    source, called = imagery.source, f"scene {name}"
    if isinstance(source, Rasters):
        notes = rasters.convert(source, imagery, listing.images(source)[name], called, target)
    else:
        scene = _read(name, imagery, archive)
        write_scene(scene, imagery.bands, called, target)
        notes = scene.notes
    for note in notes:
        _log.warning("%s: %s", name, note)


def _read(name: str, imagery: Imagery, archive: tuple[Path, Archive] | None) -> Scene:
    source = imagery.source
    if isinstance(source, Generated):
        return generated.read(source, imagery, listing.scenes(source).index(name))
    assert archive is not None
    assert not isinstance(source, Rasters)
    file, pin = archive
    recipe = {
        "landsat-cloud": cloud,
        "ecostress-fire": fire,
        "sentinel-roofs": roofs,
        "sentinel-settlement": settlement,
    }[source.recipe]
    with archives.unpacked(file, source.archive, pin, recipe.MEMBERS) as folder:
        match source:
            case LandsatCloud():
                return cloud.read(source, imagery, folder)
            case EcostressFire():
                return fire.read(source, imagery, folder)
            case SentinelRoofs():
                return roofs.read(source, imagery, folder)
            case SentinelSettlement():
                return settlement.read(source, imagery, folder)
