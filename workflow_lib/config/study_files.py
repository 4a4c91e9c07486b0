"""Files of a study: its own, laid over the defaults of every study."""

from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Any

import yaml

from workflow_lib.config.study import Study, validate
from workflow_lib.errors import DownlinkError

DEFAULTS = Path(__file__).with_name("defaults.yaml")
"""Sensors, codecs, segmenters and statistics that every study starts from."""
DEMO = Path(__file__).parents[2] / "config.yaml"
"""The demo study: the study where no file is named."""


def add_arguments(parser: ArgumentParser) -> None:
    """Add `--study` to a command line; its value is the argument of `load`."""
    parser.add_argument(
        "--study",
        type=Path,
        nargs="*",
        default=[],
        metavar="FILE",
        help="study files, e.g. configs/smoke.yaml; later files override earlier ones "
        "(default: config.yaml, the demo)",
    )


def load(files: Sequence[Path] = ()) -> Study:
    """Read and validate a study.

    Args:
        files: the study's own files, each laid over the one before; none is the demo.

    Raises:
        DownlinkError: a file is missing or no YAML, or the study is refused.
    """
    return completed(reduce(_laid_over, map(_parsed, files or [DEMO]), {}))


def completed(config: Mapping[str, Any]) -> Study:
    """Lay a parsed configuration over the defaults and validate the result.

    Raises:
        DownlinkError: the study is refused.
    """
    return validate(_laid_over(_without_replaced_codecs(_parsed(DEFAULTS), config), config))


def _without_replaced_codecs(
    defaults: Mapping[str, Any], config: Mapping[str, Any]
) -> dict[str, Any]:
    """Drop default codecs to which the study gives another kind; their options do not fit it."""
    own = config.get("codecs")
    kinds = {
        name: options["kind"]
        for name, options in (own.items() if isinstance(own, Mapping) else ())
        if isinstance(options, Mapping) and "kind" in options
    }
    codecs = {
        name: options
        for name, options in defaults["codecs"].items()
        if kinds.get(name, options["kind"]) == options["kind"]
    }
    return {**defaults, "codecs": codecs}


def _parsed(file: Path) -> dict[str, Any]:
    try:
        parsed = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DownlinkError(f"{file}: this is not a readable configuration ({error}).") from error
    if not isinstance(parsed, dict):
        raise DownlinkError(f"{file}: a configuration must be a mapping of keys to values.")
    return parsed


def _laid_over(lower: Any, upper: Mapping[str, Any]) -> Any:
    """Merge key by key, as Snakemake merges its configuration files."""
    if not upper:
        return lower
    merged = dict(lower) if isinstance(lower, Mapping) else {}
    for key, value in upper.items():
        below = merged.get(key, {})
        merged[key] = _laid_over(below, value) if isinstance(value, Mapping) else value
    return merged
