"""What a run checks before its first job: the installed packages."""

import os
import sysconfig
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

from workflow_lib.errors import DownlinkError
from workflow_lib.provenance.digests import PACKAGE, ROOT, affects_results, reached_packages
from workflow_lib.provenance.installation import FOUND_AT_START, Installation, compare
from workflow_lib.provenance.lock import read_lock

_NAMED = 3
_OWN = "downlink"
"""Name under which the project itself may be installed."""


def installed_now(cache: Path) -> Installation:
    """Compare every package that a job can import with what its maker recorded.

    Args:
        cache: folder for digests of files.
    """
    files = [*ROOT.glob("scripts/*.py"), *ROOT.glob(f"{PACKAGE}/**/*.py")]
    names = (file.relative_to(ROOT).as_posix() for file in files)
    packages = reached_packages(filter(affects_results, names))
    site = Path(sysconfig.get_path("purelib"))
    return compare(site, packages, {*read_lock(), _OWN}, cache)


def begin(installation: Installation, patched: Mapping[str, str]) -> None:
    """Refuse to run with packages that differ from their makers' records, and tell jobs the rest.

    Args:
        installation: the installed packages.
        patched: packages that the study declares to be altered, with the reason.

    Raises:
        DownlinkError: a package is altered that the study does not declare.
    """
    files = (
        f"{installation.site}/{file} {what}"
        for package, of in installation.differing.items()
        if package not in patched
        for file, what in of.items()
    )
    if named := list(islice(files, _NAMED)):
        undeclared = sorted(installation.altered.keys() - patched.keys())
        raise DownlinkError(
            f"{'; '.join(named)}. Make a new environment (rm -r .venv; make install). If you "
            f"changed it on purpose, say so in the study: `patched: {{{undeclared[0]}: why}}`."
        )
    os.environ[FOUND_AT_START] = installation.to_text()
