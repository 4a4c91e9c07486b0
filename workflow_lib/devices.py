"""Device and thread settings of networks, in the configuration and on command lines."""

from argparse import ArgumentParser
from dataclasses import dataclass
from typing import Literal

Device = Literal["auto", "cpu", "cuda"]
"""Device of networks: `auto` is CUDA if torch sees a GPU, else the CPU."""
DEVICES: tuple[Device, ...] = ("auto", "cpu", "cuda")


@dataclass(frozen=True)
class Compute:
    """Computing resources of a network.

    Attributes:
        threads: number of CPU threads of one operation.
        device: device of the network.
    """

    threads: int = 1
    device: Device = "auto"


CPU_THREAD = Compute(device="cpu")
"""The CPU, with one thread."""


def add_arguments(parser: ArgumentParser) -> None:
    """Add `--threads` and `--device` to a command line."""
    parser.add_argument("--threads", type=int, default=1, help="threads of torch")
    parser.add_argument(
        "--device",
        default="auto",
        choices=DEVICES,
        help="device of the networks: auto (a GPU if torch finds one, else the CPU), cpu or cuda",
    )
