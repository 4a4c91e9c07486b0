"""What the command lines share: a log on standard error, a sidecar where Snakemake runs them, and
one line in place of a traceback."""

import logging
import sys
from collections.abc import Callable

from workflow_lib.errors import DownlinkError
from workflow_lib.provenance.record import Recording


def run(main: Callable[[], None]) -> None:
    """Run a command line; what the user can mend ends it with one line and exit status 1."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    recording = Recording.begun()
    try:
        main()
        if recording:
            recording.finish()
    except DownlinkError as error:
        sys.exit(f"error: {error}")
