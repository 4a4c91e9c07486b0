"""Write the JSON Schema of a study's file, for editors."""

import argparse
import json
from pathlib import Path

from workflow_lib import cli
from workflow_lib.config.study import Study


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", type=Path, help="file to write, configs/study.schema.json")
    target = parser.parse_args().target
    target.write_text(json.dumps(Study.model_json_schema(), indent=2, ensure_ascii=False) + "\n")


cli.run(main)
