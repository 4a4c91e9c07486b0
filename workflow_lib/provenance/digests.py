"""Digests of code: a comment edit changes none, a code edit exactly those of its users."""

import ast
import hashlib
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "workflow_lib"


def code_digest(*starts: str) -> str:
    """SHA-256 over files and every module of this project that they import, at any depth.

    Comments, formatting and docstrings do not count. `starts` are paths below the project's root.
    """
    files = sorted(set[Path]().union(*(_closure(ROOT / start) for start in starts)))
    lines = [f"{file.relative_to(ROOT).as_posix()} {_digest(file)}" for file in files]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _closure(start: Path) -> set[Path]:
    seen: set[Path] = set()
    waiting = [start]
    while waiting:
        file = waiting.pop()
        if file not in seen:
            seen.add(file)
            waiting.extend(_imports(file))
    return seen


@cache
def _tree(file: Path) -> ast.Module:
    tree = ast.parse(file.read_bytes(), filename=str(file))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [line for line in body if not _is_text(line)]  # type: ignore[attr-defined]
    return tree


def _is_text(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


@cache
def _digest(file: Path) -> str:
    return hashlib.sha256(ast.dump(_tree(file)).encode()).hexdigest()


@cache
def _imports(file: Path) -> frozenset[Path]:
    names: set[str] = set()
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return frozenset(path for name in names for path in _modules(name))


def _modules(name: str) -> list[Path]:
    """The files that importing `name` runs: the module's and its packages'."""
    parts = name.split(".")
    if parts[0] != PACKAGE:
        return []
    packages = [ROOT.joinpath(*parts[:n], "__init__.py") for n in range(1, len(parts) + 1)]
    return [p for p in [*packages, ROOT.joinpath(*parts).with_suffix(".py")] if p.is_file()]
