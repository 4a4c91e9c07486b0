"""Command-line arguments that all training scripts share. This module must not import torch."""

from argparse import ArgumentParser
from pathlib import Path

from workflow_lib import devices


def add_arguments(parser: ArgumentParser) -> None:
    """Add `--tiles`, `--held-out`, `--seed`, `--threads`, `--device` and `--run`."""
    parser.add_argument("--tiles", required=True, type=Path, nargs="+", help="tile stores")
    parser.add_argument(
        "--held-out", required=True, type=int, help="the fold that the training must not see"
    )
    parser.add_argument("--seed", required=True, type=int, help="seed of the training")
    devices.add_arguments(parser)
    parser.add_argument("--run", required=True, type=Path, help="folder of checkpoints and logs")
