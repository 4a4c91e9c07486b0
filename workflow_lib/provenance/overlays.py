"""Where the files that were laid over `config.yaml` stand in a copy of the project."""

from collections.abc import Sequence
from pathlib import Path


def overlay_names(overlays: Sequence[Path], root: Path) -> list[str]:
    """Paths below the copy's folder.

    A file of the project keeps its place. Others come into `overlays/`, numbered: they may be
    called alike, or as a file of the project is.

    Args:
        overlays: the files.
        root: the project's folder.
    """
    return [
        path.relative_to(root.resolve()).as_posix()
        if path.is_relative_to(root.resolve())
        else f"overlays/{number}-{path.name}"
        for number, path in enumerate((overlay.resolve() for overlay in overlays), start=1)
    ]
