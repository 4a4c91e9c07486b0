"""Compare a study's results with the records of its jobs and list every difference.

Exit status: 0 sound, 1 faults found, 2 nothing to audit, 3 no faults found but a check could not
run.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from io import TextIOWrapper
from pathlib import Path

from platformdirs import user_cache_path

from workflow_lib.config import study_files
from workflow_lib.errors import DownlinkError
from workflow_lib.provenance.audit.audit import Audit, Present, audit
from workflow_lib.provenance.audit.dry_run import DryRun
from workflow_lib.provenance.audit.made_again import made_again
from workflow_lib.provenance.audit.presentation import account, write_json, write_page
from workflow_lib.provenance.digests import ROOT
from workflow_lib.provenance.planned import ASKED, Planned
from workflow_lib.provenance.run_start import installed_now


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    study_files.add_arguments(parser)
    listed = parser.add_mutually_exclusive_group()
    listed.add_argument("--damaged", action="store_true", help="list only the damaged outputs")
    listed.add_argument(
        "--left-over",
        action="store_true",
        help="list only results that the report does not depend on; the study must be up to date",
    )
    args = parser.parse_args()
    for stream in (sys.stdout, sys.stderr):
        assert isinstance(stream, TextIOWrapper)
        stream.reconfigure(errors="replace")
    try:
        study = study_files.load(args.study)
        results = study.results
        if not (args.damaged or args.left_over):
            for old in (_page(results), _json(results)):  # no earlier verdict outlives a failure
                _remove(old)
        plan, again = _planned(args.study), partial(made_again, threads=study.threads)
        if args.damaged:
            _list(audit(results, Path.cwd(), Present(plan, last_jobs=again)).damaged)
            return
        if args.left_over:
            _require_up_to_date(plan)
            _list(audit(results, Path.cwd(), Present(plan)).left_over)
            return
        installed = installed_now(user_cache_path("downlink"))
        present = Present(plan, study.name, study.patched, installed, again)
        found = audit(results, Path.cwd(), present)
    except DownlinkError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    print(*account(found), sep="\n")
    _write(found, results)
    sys.exit(found.status)


def _planned(overlays: Sequence[Path]) -> DryRun:
    """The jobs that Snakemake would run now."""
    study = ["--configfile", *map(str, overlays)] if overlays else []
    snakefile = ["--snakefile", str(ROOT / "Snakefile")]
    # profiles could leave out jobs, or change the study
    plain = ["--profile", "none", "--workflow-profile", "none", "--max-checksum-file-size", "1TB"]
    command = [sys.executable, "-m", "snakemake", *snakefile, *plain, "-n", "--quiet", "rules"]
    command += study
    left_out = ("DOWNLINK_", "SNAKEMAKE_")
    left = {name: of for name, of in os.environ.items() if not name.startswith(left_out)}
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "plan.json")
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=left | {ASKED: str(target)},
            check=False,
        )
        planned = Planned.read(target) if target.exists() else None
    return DryRun.of(done.returncode, done.stdout.decode(errors="replace"), planned)


def _remove(old: Path) -> None:
    try:
        old.unlink(missing_ok=True)
    except OSError as error:
        print(f"{old}: this earlier audit could not be removed ({error}).", file=sys.stderr)


def _page(results: str) -> Path:
    return Path(results, "audit.html")


def _json(results: str) -> Path:
    return Path(results, "audit.json")


def _require_up_to_date(plan: DryRun) -> None:
    """Refuse to list new work as leftover results.

    Raises:
        DownlinkError: Snakemake has jobs left to run, or made no plan.
    """
    if plan.jobs != {}:
        raise DownlinkError(
            f"Leftover results can be listed only for a study that is up to date. Now {plan}. "
            "Run make until it has nothing left to do. Then list again."
        )


def _list(names: Sequence[str]) -> None:
    sys.stdout.writelines(f"{name}\n" for name in names)


def _write(found: Audit, results: str) -> None:
    """Write the audit into the results folder, if the user may write there."""
    page = _page(results)
    try:
        write_json(found, _json(results))
        write_page(found, page)
    except (OSError, DownlinkError) as error:
        print(f"The page could not be written: {error}", file=sys.stderr)
    else:
        print(f"page: {page.resolve()}")


main()
