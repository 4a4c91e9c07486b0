"""Run command lines: log to standard error, write a sidecar under Snakemake, and end with one line
instead of a traceback."""

import logging
import sys
from collections.abc import Callable

from workflow_lib.errors import DownlinkError
from workflow_lib.provenance.record import Recording


def run(main: Callable[[], None]) -> None:
    """Run a command line; an error that the user can mend ends it with one line and status 1."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    recording = Recording.begun()
    try:
        main()
        if recording:
            recording.finish()
    except DownlinkError as error:
        sys.exit(f"error: {error}")
