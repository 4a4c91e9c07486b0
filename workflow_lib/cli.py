"""What the command lines share: a log on standard error, and one line in place of a traceback."""

import logging
import sys
from argparse import ArgumentTypeError
from collections.abc import Callable
from typing import Any

from pydantic import TypeAdapter, ValidationError

from workflow_lib.errors import DownlinkError


def run(main: Callable[[], None]) -> None:
    """Run a command line; what the user can mend ends it with one line and exit status 1."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    try:
        main()
    except DownlinkError as error:
        sys.exit(f"error: {error}")


def json_of(kind: Any) -> Callable[[str], Any]:
    """A parser of arguments that hold part of the configuration as JSON; it says what is wrong."""

    def parse(text: str) -> Any:
        try:
            return TypeAdapter(kind).validate_json(text)
        except ValidationError as error:
            reasons = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            raise ArgumentTypeError("; ".join(reasons)) from None

    return parse
