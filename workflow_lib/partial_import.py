"""Modules of a package without the rest of the package.

Packages of networks import everything they have in their `__init__`: data sets, model collections,
clients of model hubs. A job needs a few layers, and would wait seconds for the rest.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec, module_from_spec
from types import ModuleType


@contextmanager
def without_init(*packages: str) -> Iterator[None]:
    """Within the block, import modules of these packages without running the packages' `__init__`.

    After the block, an import of a package itself runs it as usual. Packages that are imported
    already stay as they are.

    Args:
        packages: full names, each package before its own subpackages.
    """
    placed: dict[str, ModuleType] = {}
    try:
        for name in packages:
            if name not in sys.modules and (spec := find_spec(name)) is not None:
                placed[name] = sys.modules[name] = module_from_spec(spec)
                parent, _, child = name.rpartition(".")
                if parent in placed:
                    setattr(placed[parent], child, placed[name])
        yield
    finally:
        # A later import of a package makes it anew, and must make its modules anew with it.
        inside = tuple(f"{name}." for name in placed)
        for name in [n for n in sys.modules if n in placed or n.startswith(inside)]:
            del sys.modules[name]
