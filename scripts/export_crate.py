"""Turn a finished study's results folder into a Workflow Run RO-Crate."""

import argparse
from pathlib import Path

from workflow_lib import cli
from workflow_lib.config import study_files
from workflow_lib.provenance.crate.export import export_crate, packing
from workflow_lib.provenance.crate.people import git_user
from workflow_lib.provenance.digests import ROOT


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    study_files.add_arguments(parser)
    parser.add_argument(
        "--agent",
        help="person who ran the study, 'Name' or 'Name <ORCID>' (default: git's user.name)",
    )
    args = parser.parse_args()
    folder, study = Path.cwd(), study_files.load(args.study)
    written = export_crate(study, ROOT, args.study, args.agent or git_user(ROOT), folder)
    print(f"crate: {written.metadata.parent}")
    print(written.origin)
    print(f"pack it: {packing(study, folder)}")


cli.run(main)
