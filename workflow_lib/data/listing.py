"""Which scenes a dataset has, told without opening any: Snakemake asks while it parses."""

from pathlib import Path

from workflow_lib.config.datasets import Dataset, Generated, Imagery, Rasters, Source
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


def imagery_of(imagery: Imagery, scene: str) -> Imagery:
    """What one scene depends on: generated scenes that come after it are left out."""
    source = imagery.source
    if isinstance(source, Generated):
        until = source.model_copy(update={"scenes": scenes(source).index(scene) + 1})
        return imagery.model_copy(update={"source": until})
    return imagery


def require_other_imagery(name: str, borrower: Dataset, trainer: Dataset) -> None:
    """Refuse to score a codec on imagery that another dataset trained it on.

    Raises:
        DownlinkError: both read the same files, archive or seeds.
    """
    common = _imagery(borrower.source) & _imagery(trainer.source)
    if common:
        raise DownlinkError(
            f"configuration: datasets.{name}.codec_from: {borrower.codec_from} is trained on the "
            f"same imagery ({min(common)}), so that {name} would be scored on what its codec has "
            "seen. Leave codec_from out: a codec of its own is held to its own folds."
        )


def _imagery(source: Source) -> set[str]:
    match source:
        case Rasters():
            return {str(path.resolve()) for path in images(source).values()}
        case Generated():
            return {f"seed {source.seed + index}" for index in range(source.scenes)}
        case _:
            return {source.archive}


def images(source: Rasters) -> dict[str, Path]:
    """The image rasters by scene name.

    Raises:
        DownlinkError: the pattern matches nothing, or two files of one name.
    """
    pattern = Path(source.images)
    found = sorted(Path(pattern.anchor or ".").glob(str(pattern.relative_to(pattern.anchor))))
    if not found:
        raise DownlinkError(f"configuration: source.images: {source.images} matches no file.")
    scenes: dict[str, Path] = {}
    for file in found:
        if file.stem in scenes:
            raise DownlinkError(f"{file}: {scenes[file.stem]} has the same name; rename one.")
        scenes[file.stem] = file
    return scenes
