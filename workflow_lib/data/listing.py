"""List a dataset's scenes without opening any, because Snakemake needs them while it parses."""

from pathlib import Path

from workflow_lib.config.datasets import Dataset, Generated, Imagery, Rasters, Source
from workflow_lib.errors import DownlinkError


def scenes(source: Source) -> tuple[str, ...]:
    """List the names of a dataset's scenes.

    Raises:
        DownlinkError: the pattern matches no file, or two files have the same name.
    """
    match source:
        case Rasters():
            return tuple(images(source))
        case Generated():
            return tuple(f"generated{index}" for index in range(source.scenes))
        case _:
            return (source.archive,)


def imagery_of(imagery: Imagery, scene: str) -> Imagery:
    """Reduce `imagery` to what one scene depends on: leave out later generated scenes."""
    source = imagery.source
    if isinstance(source, Generated):
        until = source.model_copy(update={"scenes": scenes(source).index(scene) + 1})
        return imagery.model_copy(update={"source": until})
    return imagery


def require_other_imagery(name: str, borrower: Dataset, trainer: Dataset) -> None:
    """Refuse to score a codec on imagery that another dataset trained it on.

    Raises:
        DownlinkError: both datasets read the same file, archive or seed.
    """
    common = _imagery(borrower.source) & _imagery(trainer.source)
    if common:
        raise DownlinkError(
            f"configuration: datasets.{name}.codec_from: {borrower.codec_from} is trained on the "
            f"same imagery ({min(common)}), so {name} would be scored on training data of its "
            "codec. Remove codec_from: then the dataset trains its own codec on its own folds."
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
    """Find the image rasters, by scene name.

    Raises:
        DownlinkError: the pattern matches no file, or two files have the same name.
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
