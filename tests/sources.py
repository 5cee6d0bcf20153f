"""Our own sources, as the tests of the house rules read them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "failing_exchange"
SOURCE = ROOT / "src" / PACKAGE


@cache
def modules() -> dict[str, Path]:
    """The package's modules by their dotted name within it; a package is named like its folder."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        short = parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts
        found[".".join(short)] = path
    return found


@cache
def tree(path: Path) -> ast.Module:
    """The parsed source."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def all_sources() -> list[Path]:
    """Every Python file that is ours."""
    folders = (SOURCE, ROOT / "tests", ROOT / "bench")
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


def place(path: Path, line: int) -> str:
    """Where something is, as editors understand it."""
    return f"{path.relative_to(ROOT)}:{line}"


def check(complaints: Iterator[str]) -> None:
    """Fail with all complaints at once."""
    found = list(complaints)
    assert not found, "\n" + "\n".join(found)


def functions(module: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """All functions in a tree."""
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
