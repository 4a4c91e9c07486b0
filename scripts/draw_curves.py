"""Draw a dataset's rate–distortion and rate–task curves as an SVG file, e.g. for a README."""

import argparse
from pathlib import Path

from workflow_lib import cli
from workflow_lib.config.study import load
from workflow_lib.files import atomic
from workflow_lib.metrics.table import read
from workflow_lib.paths import Paths
from workflow_lib.report.figures import looks, rate_distortion, rate_task, standalone
from workflow_lib.report.results import all_points


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, default="config.yaml", help="the study")
    parser.add_argument("--dataset", required=True, help="one of its datasets")
    parser.add_argument("--target", required=True, type=Path, help="SVG file to write")
    args = parser.parse_args()
    study = load(args.config)
    points = all_points(study, read([Path(Paths(study.results).metrics())]))
    own = points[points["dataset"] == args.dataset]
    drawn = looks(study.codecs)
    curves = [rate_distortion(own, drawn, "rd"), rate_task(own, drawn, "task")]
    with atomic(args.target) as draft:
        draft.write_text(standalone(curves), encoding="utf-8")


cli.run(main)
