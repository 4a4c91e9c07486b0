"""Convert a dataset's source to the GeoTIFF of a scene."""

import logging
from pathlib import Path
from types import ModuleType

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
from workflow_lib.data.scenes import Scene, write_scene

_log = logging.getLogger(__name__)


def prepare_scene(
    name: str, imagery: Imagery, archive: tuple[Path, Archive] | None, target: Path
) -> None:
    """Read a scene from its source and write it as GeoTIFF.

    Args:
        name: the scene's name, one of `listing.scenes(imagery.source)`.
        imagery: source, bands and quantity.
        archive: file and pinned digest of the archive, for sources that name one.
        target: path of the GeoTIFF.

    Raises:
        DownlinkError: the source is damaged, or the scene has no valid or no labelled pixel.
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
    recipe = _recipe(source)
    if isinstance(source, Generated):
        generated: Scene = recipe.read(source, imagery, listing.scenes(source).index(name))
        return generated
    assert archive is not None
    assert not isinstance(source, Rasters)
    file, pin = archive
    with archives.unpacked(file, source.archive, pin, recipe.MEMBERS) as folder:
        scene: Scene = recipe.read(source, imagery, folder)
        return scene


def _recipe(source: object) -> ModuleType:
    """Import the module that reads a source.

    Imports happen here, because each recipe needs different packages that take long to import.
    """
    match source:
        case Generated():
            from workflow_lib.data.recipes import generated

            return generated
        case LandsatCloud():
            from workflow_lib.data.recipes import cloud

            return cloud
        case EcostressFire():
            from workflow_lib.data.recipes import fire

            return fire
        case SentinelRoofs():
            from workflow_lib.data.recipes import roofs

            return roofs
        case SentinelSettlement():
            from workflow_lib.data.recipes import settlement

            return settlement
        case _:
            raise TypeError(f"{source!r}: no recipe reads this source")
