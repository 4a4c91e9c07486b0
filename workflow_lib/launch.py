"""Run a script of a job with the library of its own checkout: `python -I launch.py SCRIPT ...`.

In isolated mode (`-I`) Python reads no variables of the environment and adds neither the working
folder nor the user's packages to its path. The checkout is on the path only while the library is
imported, so a file that lies in it cannot take the place of another module.
"""

import runpy
import sys
from pathlib import Path

ROOT = str(Path(__file__).resolve().parents[1])

if __name__ == "__main__":
    sys.path.insert(0, ROOT)
    import workflow_lib  # noqa: F401  # its own folder leads to all its modules from now on

    sys.path.remove(ROOT)
    sys.argv = sys.argv[1:]
    runpy.run_path(sys.argv[0], run_name="__main__")
