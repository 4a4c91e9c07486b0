"""Write the study's report: one HTML page that opens offline."""

import argparse
from pathlib import Path

from workflow_lib import cli
from workflow_lib.config.study import Study
from workflow_lib.provenance.machines import where_trained
from workflow_lib.report.build import build_report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", required=True, type=Study.parse, help="the study, as JSON")
    parser.add_argument("--target", required=True, type=Path, help="HTML file to write")
    args = parser.parse_args()
    build_report(args.study, where_trained(args.study), args.target)


cli.run(main)
