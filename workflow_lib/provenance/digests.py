"""Digests of code: a code edit changes the digests of its users; a comment changes none."""

import ast
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from workflow_lib.provenance.lock import package_of, reached

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "workflow_lib"
LAUNCHER = f"{PACKAGE}/launch.py"
"""The file that starts the script of every job."""
_RECORDING = tuple(f"{PACKAGE}/{name}" for name in ("provenance/", "notes.py", "machine.py"))
# Contexts (load, store) follow from where a node stands; the others are of type comments.
_FIELDS_LEFT_OUT = {"ctx", "kind", "type_comment", "type_ignores"}


@cache
def code_digest(*starts: str) -> str:
    """SHA-256 over files, every module of this project that they import, at any depth, and the
    locked versions of every package that these can reach.

    Comments, formatting and docstrings do not count. `starts` are paths below the project's root.
    A process reads every file once: Snakemake asks for each job.

    Raises:
        DownlinkError: a module is imported whose package is not in the lock.
    """
    files = reached_files(*starts)
    lines = [f"{file} {file_digest(file)}" for file in files]
    lines += [f"{name}=={version}" for name, version in reached_packages(files).items()]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def reached_files(*starts: str) -> list[str]:
    """Files and every module of this project that they import, at any depth, in order."""
    files: set[str] = set()
    waiting = list(starts)
    while waiting:
        file = waiting.pop()
        if file not in files and affects_results(file):
            files.add(file)
            waiting.extend(path for name in _code(file).imports for path in _modules(name))
    return sorted(files)


def affects_results(file: str) -> bool:
    """Whether a file's code can change a result; code that only records jobs cannot."""
    return not file.startswith(_RECORDING)


def reached_packages(files: Iterable[str]) -> dict[str, str]:
    """Locked versions, by name, of the packages that files import and of their dependencies.

    Raises:
        DownlinkError: a module is imported whose package is not in the lock.
    """
    modules = {name.split(".")[0] for file in files for name in _code(file).imports}
    packages = (package_of(module) for module in modules - {PACKAGE})
    return reached(name for name in packages if name is not None)


def file_digest(file: str) -> str:
    """SHA-256 of one file of the project without comments, formatting and docstrings."""
    return _code(file).digest


@dataclass(frozen=True)
class _Code:
    """A file's own digest, and the modules that it imports."""

    digest: str
    imports: frozenset[str]


@cache
def _code(file: str) -> _Code:
    tree = ast.parse((ROOT / file).read_bytes(), filename=file)
    names: set[str] = set()
    digest = hashlib.sha256(" ".join(_words(tree, names)).encode()).hexdigest()
    return _Code(digest, frozenset(names))


def _words(value: object, imported: set[str]) -> Iterator[str]:
    """The syntax tree in one pass, without docstrings; what it imports is added to `imported`."""
    if isinstance(value, ast.AST):
        if isinstance(value, ast.Import | ast.ImportFrom):
            imported.update(_imported(value))
        yield f"({type(value).__name__}"
        for name in value._fields:
            if name not in _FIELDS_LEFT_OUT:
                yield from _words(getattr(value, name), imported)
        yield ")"
    elif isinstance(value, list):
        yield "["
        for item in value:
            if not _is_text(item):
                yield from _words(item, imported)
        yield "]"
    else:
        yield repr(value)


def _is_text(node: object) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _imported(node: ast.Import | ast.ImportFrom) -> list[str]:
    names = [alias.name for alias in node.names]
    if isinstance(node, ast.Import):
        return names
    return [node.module, *(f"{node.module}.{name}" for name in names)] if node.module else []


@cache
def _modules(name: str) -> list[str]:
    """The files that importing `name` runs: the module's and its packages'."""
    parts = name.split(".")
    if parts[0] != PACKAGE:
        return []
    packages = ["/".join([*parts[:n], "__init__.py"]) for n in range(1, len(parts) + 1)]
    return [file for file in [*packages, f"{'/'.join(parts)}.py"] if (ROOT / file).is_file()]
