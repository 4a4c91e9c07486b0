"""Device and threads of networks, as configuration and command lines name them."""

from argparse import ArgumentParser
from dataclasses import dataclass
from typing import Literal

Device = Literal["auto", "cpu", "cuda"]
"""Where networks run: `auto` is CUDA where torch sees a GPU, and else the CPU."""
DEVICES: tuple[Device, ...] = ("auto", "cpu", "cuda")


@dataclass(frozen=True)
class Compute:
    """What a network may use.

    Attributes:
        threads: threads of one operation.
        device: where it runs.
    """

    threads: int = 1
    device: Device = "auto"


CPU_THREAD = Compute(device="cpu")
"""One thread of the CPU."""


def add_arguments(parser: ArgumentParser) -> None:
    """Let a command line take `--threads` and `--device`."""
    parser.add_argument("--threads", type=int, default=1, help="threads of torch")
    parser.add_argument(
        "--device",
        default="auto",
        choices=DEVICES,
        help="where networks run: auto (a GPU where torch sees one, else the CPU), cpu, or cuda",
    )
