"""What the command lines share: a log on standard error, and one line in place of a traceback."""

import logging
import sys
from collections.abc import Callable

from workflow_lib.errors import DownlinkError


def run(main: Callable[[], None]) -> None:
    """Run a command line; what the user can mend ends it with one line and exit status 1."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    try:
        main()
    except DownlinkError as error:
        sys.exit(f"error: {error}")
