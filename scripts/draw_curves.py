"""Draw a dataset's rate–distortion and rate–task curves with 95 % intervals as an SVG file."""

import argparse
from pathlib import Path

from workflow_lib import cli
from workflow_lib.config import study_files
from workflow_lib.files import atomic
from workflow_lib.inference.findings import read_findings
from workflow_lib.measure.table import read
from workflow_lib.paths import Paths
from workflow_lib.report.figures import looks, rate_distortion, rate_task, standalone
from workflow_lib.report.results import all_points, coded_points


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    study_files.add_arguments(parser)
    parser.add_argument("--dataset", required=True, help="name of a dataset of the study")
    parser.add_argument("--target", required=True, type=Path, help="SVG file to write")
    args = parser.parse_args()
    study = study_files.load(args.study)
    paths = Paths(study.results)
    points = all_points(study, read([Path(paths.metrics())]))
    found = read_findings(Path(paths.findings()))
    judged = [finding for finding in found.findings if finding.dataset == args.dataset]
    drawn = looks(study.coded_by())
    own = coded_points(points[points["dataset"] == args.dataset], judged)
    curves = [rate_distortion(own, drawn, "rd")]
    curves += [rate_task(finding, found.epsilon, drawn, "task") for finding in judged[:1]]
    with atomic(args.target) as draft:
        draft.write_text(standalone(curves), encoding="utf-8")


cli.run(main)
