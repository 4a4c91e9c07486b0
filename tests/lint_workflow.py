"""Run Snakemake's linter; fail for all that it reports but missing environments.

Jobs use the environment that runs Snakemake (docs/cluster.md).
"""

import re
import subprocess
import sys

ACCEPTED = "Specify a conda environment or container for each rule."


def main() -> None:
    done = subprocess.run(["snakemake", "--lint"], capture_output=True, text=True, check=False)
    titles = re.findall(r"^    \* (.+):$", done.stderr, re.MULTILINE)
    if done.returncode and {*titles} != {ACCEPTED}:
        sys.exit(done.stderr)


if __name__ == "__main__":
    main()
