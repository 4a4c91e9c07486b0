"""Join all tables of metrics, pool them over each dataset, and write the main table.

Standard input lists the tables, one path per line.
"""

import argparse
import sys
from pathlib import Path

from workflow_lib import cli
from workflow_lib.config.section import json_of
from workflow_lib.data.info import TileInfo
from workflow_lib.measure.collect import collect


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--infos",
        required=True,
        type=json_of(dict[str, TileInfo]),
        help="TileInfo of each dataset, as JSON",
    )
    parser.add_argument("--metrics", required=True, type=Path, help="Parquet file to write")
    parser.add_argument("--main-table", required=True, type=Path, help="CSV file to write")
    args = parser.parse_args()
    tables = [Path(line) for line in sys.stdin.read().splitlines()]
    collect(args.infos, tables, args.metrics, args.main_table)


cli.run(main)
