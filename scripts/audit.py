"""Compare a study's results with what its jobs recorded, and say what differs.

Exit status: 0 nothing is wrong, 1 something is, 2 there was nothing to audit.
"""

import argparse
import sys
from pathlib import Path

from workflow_lib.config import files
from workflow_lib.errors import DownlinkError
from workflow_lib.provenance.audit.audit import Audit, audit
from workflow_lib.provenance.audit.page import account, write_json, write_page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    files.add_arguments(parser)
    listed = parser.add_mutually_exclusive_group()
    listed.add_argument(
        "--damaged", action="store_true", help="only list the outputs to make again"
    )
    listed.add_argument(
        "--left-over", action="store_true", help="only list what no final result depends on"
    )
    args = parser.parse_args()
    try:
        results = files.load(args.study).results
        found = audit(results, Path.cwd())
        if args.damaged or args.left_over:
            listed_names = found.damaged if args.damaged else found.left_over
            sys.stdout.writelines(f"{name}\n" for name in listed_names)
            return
        _tell(found, Path(results))
    except DownlinkError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    sys.exit(1 if found.faults else 0)


def _tell(found: Audit, results: Path) -> None:
    print(*account(found), sep="\n")
    write_json(found, results / "audit.json")
    write_page(found, results / "audit.html")
    print(f"page: {(results / 'audit.html').resolve()}")


main()
