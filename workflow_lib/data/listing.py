"""Which scenes a dataset has, told without opening any: Snakemake asks while it parses."""

from pathlib import Path

from workflow_lib.config.data import Generated, Rasters, Source
from workflow_lib.errors import DownlinkError


def scenes(source: Source) -> tuple[str, ...]:
    """Names of a dataset's scenes.

    Raises:
        DownlinkError: a pattern that matches nothing, or two files of one name.
    """
    match source:
        case Rasters():
            return tuple(images(source))
        case Generated():
            return tuple(f"generated{index}" for index in range(source.scenes))
        case _:
            return (source.archive,)


def images(source: Rasters) -> dict[str, Path]:
    """The image rasters by scene name.

    Raises:
        DownlinkError: the pattern matches nothing, or two files of one name.
    """
    pattern = Path(source.images)
    found = sorted(Path(pattern.anchor or ".").glob(str(pattern.relative_to(pattern.anchor))))
    if not found:
        raise DownlinkError(f"source.images: {source.images} matches no file.")
    scenes: dict[str, Path] = {}
    for file in found:
        if file.stem in scenes:
            raise DownlinkError(f"{file}: {scenes[file.stem]} has the same name; rename one.")
        scenes[file.stem] = file
    return scenes
