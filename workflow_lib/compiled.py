"""Compile the project's modules so that Python compares the contents of their sources.

By default Python takes a compiled module for current if its source has the size and the time, in
whole seconds, that it was compiled with. Another source may have these too.
"""

import py_compile
from importlib.util import cache_from_source
from pathlib import Path

_HEADER = 8
_CHECKED = (0b11).to_bytes(4, "little")
"""Flags after the magic number: compiled from a source with the digest that follows (PEP 552)."""


def compile_by_content(package: Path, anew: bool = False) -> None:
    """Compile the modules of a package that are not compiled in this way yet, or all of them anew.

    Python itself compiles them again, in the same way, after their sources have changed. Where
    nothing can be written, modules stay as they are.
    """
    for source in package.rglob("*.py"):
        compiled = Path(cache_from_source(str(source)))
        if anew or not _checked(compiled):
            try:
                py_compile.compile(
                    str(source),
                    quiet=2,  # what does not parse is told by the import
                    invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH,
                )
            except OSError:
                return


def _checked(compiled: Path) -> bool:
    try:
        with compiled.open("rb") as file:
            return file.read(_HEADER)[4:] == _CHECKED
    except OSError:
        return False
