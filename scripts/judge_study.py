"""Compute findings from the table of metrics: intervals, comparisons, verdicts and claims."""

import argparse
from pathlib import Path

from workflow_lib import cli
from workflow_lib.config.study import Study
from workflow_lib.files import atomic
from workflow_lib.inference.judge import judge
from workflow_lib.measure.table import read


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", required=True, type=Study.parse, help="the study, as JSON")
    parser.add_argument("--metrics", required=True, type=Path, help="table of all metrics")
    parser.add_argument("--findings", required=True, type=Path, help="JSON file to write")
    args = parser.parse_args()
    findings = judge(args.study, read([args.metrics]))
    with atomic(args.findings) as draft:
        draft.write_text(f"{findings.canonical()}\n", encoding="utf-8")


cli.run(main)
