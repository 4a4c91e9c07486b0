"""The lock: which versions it pins, and which packages a module's import can reach."""

import re
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from packaging.markers import Marker

from workflow_lib.errors import DownlinkError

LOCK = Path(__file__).resolve().parents[2] / "envs" / "requirements.lock"

# Import names that are not their package's.
_PACKAGES = {
    "PIL": "pillow",
    "skimage": "scikit-image",
    "yaml": "pyyaml",
    "sklearn": "scikit-learn",
}
# Where we use less of a package than it declares to need: of CompressAI the layers alone
# (codecs/learned/layers.py), of bjontegaard no plots.
_INSTEAD = {"compressai": ["torch"], "bjontegaard": ["numpy", "scipy"]}
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)(?: ; (.+?))?(?: \\)?$", re.MULTILINE)
"""Name, version and environment marker, e.g. `zipp==4.1.2 ; python_full_version < '3.12' \\`.

The lines below a backslash hold the hashes of the package's files.
"""
_NEEDED_BY = re.compile(r"^ +# +(?:via )?([A-Za-z0-9._-]+)$", re.MULTILINE)


def read_lock(file: Path = LOCK) -> dict[str, str]:
    """Return the pinned version of each package by normalised name.

    Packages whose environment marker does not match this Python and platform are left out.
    """
    return {
        normalised(name): version
        for name, version, marker in _PIN.findall(file.read_text())
        if not marker or Marker(marker).evaluate()
    }


def package_of(module: str) -> str | None:
    """The package that a module comes with, None for Python's own.

    Raises:
        DownlinkError: the lock has none.
    """
    top = module.split(".")[0]
    if top in sys.stdlib_module_names:
        return None
    name = normalised(_PACKAGES.get(top, top))
    if name not in _locked():
        raise DownlinkError(
            f"{LOCK}: no locked package provides `import {top}`. Add it to envs/requirements.in "
            "and run `make lock`. If the package has another name, add it to provenance/lock.py."
        )
    return name


def reached(packages: Iterable[str]) -> dict[str, str]:
    """Return pinned versions of packages and of all that they need here, sorted by name."""
    needs, locked = _needs(), _locked()
    found: set[str] = set()
    waiting = list(packages)
    while waiting:
        name = waiting.pop()
        if name in locked and name not in found:
            found.add(name)
            waiting.extend(needs.get(name, ()))
    return {name: locked[name] for name in sorted(found)}


@cache
def _locked() -> dict[str, str]:
    return read_lock(LOCK)


@cache
def _needs() -> dict[str, list[str]]:
    """What each package needs: the lock says by whom each one is needed."""
    text = LOCK.read_text()
    pins = list(_PIN.finditer(text))
    ends = [pin.start() for pin in pins[1:]] + [len(text)]
    needs: dict[str, list[str]] = {}
    for pin, end in zip(pins, ends, strict=True):
        for user in _NEEDED_BY.findall(text[pin.end() : end]):
            needs.setdefault(normalised(user), []).append(normalised(pin[1]))
    return needs | _INSTEAD


def normalised(name: str) -> str:
    """A package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()
