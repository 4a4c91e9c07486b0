"""Run command lines with logging, provenance sidecars and one-line errors."""

import logging
import sys
from collections.abc import Callable

from workflow_lib.errors import DownlinkError
from workflow_lib.provenance.record import Recording


def run(main: Callable[[], None]) -> None:
    """Run a command line, log to standard error, and write a sidecar under Snakemake.

    A `DownlinkError` ends the process with one line and status 1.
    """
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    try:
        recording = Recording.begun()
        main()
        if recording:
            recording.finish()
    except DownlinkError as error:
        sys.exit(f"error: {error}")
