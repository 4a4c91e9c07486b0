"""Place the study's configuration files in a copy of the project."""

from collections.abc import Sequence
from pathlib import Path


def overlay_names(overlays: Sequence[Path], root: Path) -> list[str]:
    """Paths of configuration files, relative to the copy's folder.

    A file of the project keeps its path. Other files get a number and go to `overlays/`, because
    their names may collide.

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
