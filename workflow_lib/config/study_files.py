"""The study as it stands in files: config.yaml, and what is laid over it."""

from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Any

import yaml

from workflow_lib.config.study import Study, validate
from workflow_lib.errors import DownlinkError

BASE = Path("config.yaml")
"""What every study is laid over, in the working folder."""


def add_arguments(parser: ArgumentParser) -> None:
    """Let a command line take `--study` for `load`."""
    parser.add_argument(
        "--study",
        type=Path,
        nargs="*",
        default=[],
        metavar="FILE",
        help="the study's own file, e.g. configs/smoke.yaml (default: config.yaml alone)",
    )


def load(overlays: Sequence[Path] = ()) -> Study:
    """The study of config.yaml with other files laid over it key by key, as Snakemake does.

    Raises:
        DownlinkError: a file is missing or no YAML, or the study is refused.
    """
    files = dict.fromkeys([BASE, *overlays])
    merged: dict[str, Any] = reduce(_laid_over, map(_parsed, files), {})
    return validate(merged)


def _parsed(file: Path) -> dict[str, Any]:
    try:
        parsed = yaml.safe_load(file.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DownlinkError(f"{file}: this is no readable configuration ({error}).") from error
    if not isinstance(parsed, dict):
        raise DownlinkError(f"{file}: a configuration is keys with values.")
    return parsed


def _laid_over(lower: Any, upper: Mapping[str, Any]) -> Any:
    if not upper:
        return lower
    merged = dict(lower) if isinstance(lower, Mapping) else {}
    for key, value in upper.items():
        below = merged.get(key, {})
        merged[key] = _laid_over(below, value) if isinstance(value, Mapping) else value
    return merged
