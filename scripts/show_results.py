"""Print the study's main table, verdicts, claims and the path of its report."""

import argparse
from pathlib import Path

from workflow_lib import cli
from workflow_lib.config import study_files
from workflow_lib.inference.findings import read_findings
from workflow_lib.measure.table import format_main_table, read_main_table
from workflow_lib.paths import Paths
from workflow_lib.report.summary import summary


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    study_files.add_arguments(parser)
    paths = Paths(study_files.load(parser.parse_args().study).results)
    print(format_main_table(read_main_table(Path(paths.main_table()))))
    print(f"\n{summary(read_findings(Path(paths.findings())))}")
    print(f"\nreport: {Path(paths.report()).resolve()}")


cli.run(main)
