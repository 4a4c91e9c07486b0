"""Compare a study's results with what its jobs recorded, and say what differs.

Exit status: 0 nothing is wrong, 1 something is, 2 there was nothing to audit, 3 nothing is wrong as
far as could be asked.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from workflow_lib.config import study_files
from workflow_lib.errors import DownlinkError
from workflow_lib.provenance.audit.audit import Audit, audit
from workflow_lib.provenance.audit.dry_run import Plan
from workflow_lib.provenance.audit.presentation import account, write_json, write_page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    study_files.add_arguments(parser)
    listed = parser.add_mutually_exclusive_group()
    listed.add_argument(
        "--damaged", action="store_true", help="only list the outputs to make again"
    )
    listed.add_argument(
        "--left-over",
        action="store_true",
        help="only list what the report of a study that is up to date does not depend on",
    )
    args = parser.parse_args()
    try:
        results = study_files.load(args.study).results
        if args.damaged:
            _list(audit(results, Path.cwd()).damaged)
            return
        found = audit(results, Path.cwd(), _planned(args.study))
        if args.left_over:
            _require_up_to_date(found.plan)
            _list(found.left_over)
            return
    except DownlinkError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    print(*account(found), sep="\n")
    _keep(found, Path(results))
    sys.exit(found.status)


def _planned(overlays: Sequence[Path]) -> Plan:
    """What Snakemake would run now."""
    study = ["--configfile", *map(str, overlays)] if overlays else []
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--quiet", "rules", *study]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return Plan.of(done.returncode, done.stdout.decode(errors="replace"))


def _require_up_to_date(plan: Plan) -> None:
    """Refuse to call fresh work left over.

    Raises:
        DownlinkError: Snakemake has something left to run, or cannot tell.
    """
    if plan.jobs != {}:
        raise DownlinkError(
            f"What is left over can be told only when there is nothing left to run: {plan}. Run "
            "make until it has nothing left to do; then list again."
        )


def _list(names: Sequence[str]) -> None:
    sys.stdout.writelines(f"{name}\n" for name in names)


def _keep(found: Audit, results: Path) -> None:
    """Write the audit beside the results, where they may be written to."""
    page = results / "audit.html"
    try:
        write_json(found, results / "audit.json")
        write_page(found, page)
    except (OSError, DownlinkError) as error:
        print(f"The page could not be written: {error}", file=sys.stderr)
    else:
        print(f"page: {page.resolve()}")


main()
