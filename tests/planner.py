"""Run Snakemake's command in forks of a process that has imported Snakemake.

Importing it takes longer than planning the smoke study.
"""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory


def snakemake(
    options: list[str], folder: Path, environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run `snakemake` with options in a folder; return its exit status and output."""
    with TemporaryDirectory() as kept:
        output, errors = Path(kept, "output"), Path(kept, "errors")
        request = [options, str(folder), environment, str(output), str(errors)]
        server = _server()
        print(json.dumps(request), file=server.stdin, flush=True)
        status = int(server.stdout.readline())
        return subprocess.CompletedProcess(
            ["snakemake", *options], status, output.read_text(), errors.read_text()
        )


@cache
def _server() -> subprocess.Popen[str]:
    """Start the server; it ends with this process, whose end closes its standard input."""
    return subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def _serve() -> None:
    import pydantic  # noqa: F401
    import snakemake.cli
    import snakemake.report.html_reporter

    assert "workflow_lib" not in sys.modules, "each workflow imports its own copy"
    for line in sys.stdin:
        child = os.fork()
        if not child:
            _become(*json.loads(line))
            snakemake.cli.main()
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _become(
    options: list[str], folder: str, environment: dict[str, str], output: str, errors: str
) -> None:
    """Give the process what a new process would have been started with."""
    for number, name in enumerate((os.devnull, output, errors)):
        file = os.open(name, os.O_RDWR | os.O_CREAT)
        os.dup2(file, number)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:1] = environment["PYTHONPATH"].split(os.pathsep)
    sys.argv = ["snakemake", *options]


if __name__ == "__main__":
    _serve()
