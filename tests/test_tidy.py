"""The house rules that a machine can see; each message says what to do instead.

`tests/test_simulated_path.py` checks that a seed reproduces its run.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import chain

import pytest

from tests.sources import PACKAGE, ROOT, all_sources, check, functions, modules, place, tree

LINE_LENGTH_MAX = 100
MODULE_LINES_MAX = 600
FUNCTION_LINES_MAX = 40  # without the docstring

# The floor of each module or package. Imports point down; those for type checkers count as well,
# for a type from above is knowledge of what is above.
FLOORS: dict[str, int] = {
    # what starts everything, and the face that shows it all
    "__init__": 7, "__main__": 7, "cli": 7, "pytest_plugin": 7,
    "simulation": 6, "explorer": 6, "server": 6, "clients": 6, "determinism": 6, "runner": 6,
    "terminal": 6, "control": 6, "ctl": 6, "trading": 6, "playing": 6, "report_card": 6,
    "conformance": 6, "market_definitions": 4, "beside": 6, "script_bots": 6, "strategies": 6,
    "watchdog": 6, "options": 6, "logs": 6, "own_code": 6, "request_log": 6,
    "fronts": 5, "report": 5, "bots": 5,
    "durable": 4, "gateway": 4, "road": 4, "moments": 4, "venue": 4, "world": 4, "incidents": 4,
    "scenario": 4, "scenarios": 4, "auditor": 4, "conduct": 4,
    "faults": 3, "dialects": 3, "feeds": 3, "gates": 3, "background": 3, "resilience": 3,
    "virtual": 2, "limits": 2, "trip": 2, "lines": 2,
    "under_test": 2,
    "kinds": 2, "journal": 2, "plain_trips": 2, "clock": 2, "latency": 2, "maintenance": 2,
    "core": 1,
    "leading": 0,
    "errors": 0, "spelling": 0, "spans": 0, "toml_text": 0, "exit_codes": 0, "tracebacks": 0,
}  # fmt: skip
STRANGERS = 3  # the floor whose neighbours do not know each other; only the gateway meets them

HEAVY = ("aiohttp", "ccxt", "rich", "time_machine", "orjson", "tenacity", "hypothesis", "pytest")
LIMIT_NAME = re.compile(r"^_?[A-Z][A-Z0-9_]*_(MAX|LIMIT)$")


# --- imports


def imported(name: str) -> Iterator[tuple[int, str]]:
    """(line, module within the package) of all that a module imports, anywhere in it.

    A text that is the name of a module counts: that is how something is imported late.
    """
    path = modules()[name]
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from known(node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                levels = f"{PACKAGE}.{package}".rstrip(".").split(".")
                above = levels[: len(levels) - node.level + 1]
                base = ".".join([*above, base]).rstrip(".")
            for alias in node.names:
                yield from known(node.lineno, f"{base}.{alias.name}")
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from known(node.lineno, node.value, exact=True)


def known(line: int, dotted: str, *, exact: bool = False) -> Iterator[tuple[int, str]]:
    """The module of ours that a dotted name lies in."""
    parts = dotted.split(".")
    if parts[0] != PACKAGE or (exact and len(parts) == 1):
        return
    inner = parts[1:]
    while inner and ".".join(inner) not in modules():
        if exact:
            return
        inner = inner[:-1]
    yield line, ".".join(inner) or "__init__"


def floor_of(name: str) -> int:
    """The floor on which a module stands."""
    top = name.split(".")[0]
    assert top in FLOORS, (
        f"{name} stands on no floor: give {top!r} a row in FLOORS (tests/test_tidy.py)"
    )
    return FLOORS[top]


@pytest.mark.parametrize("name", modules())
def test_imports_point_down(name: str) -> None:
    """What is below can be understood, tested and changed without what is above."""
    own_top, own_floor = name.split(".")[0], floor_of(name)

    def complaints() -> Iterator[str]:
        for line, other in imported(name):
            where, top = place(modules()[name], line), other.split(".")[0]
            if floor_of(other) > own_floor:
                yield (
                    f"{where}: {name} (floor {own_floor}) imports {other} (floor "
                    f"{floor_of(other)}); move what is needed down, or pass it as an argument"
                )
            elif own_floor == floor_of(other) == STRANGERS and top != own_top:
                yield (
                    f"{where}: {name} imports its neighbour {other}; only the gateway meets both, "
                    "so join them there, or move what they share down"
                )

    check(complaints())


def test_no_module_is_dead() -> None:
    """What nothing reaches misleads whoever reads it."""
    reached, ahead = set[str](), ["__init__", "__main__", "cli", "pytest_plugin"]
    while ahead:
        name = ahead.pop()
        if name in modules() and name not in reached:
            reached.add(name)
            packages = [name.rpartition(".")[0]] if "." in name else []
            ahead += [*packages, *(other for _, other in imported(name))]
    check(
        f"{name}: nothing imports it; delete it, or use it"
        for name in modules()
        if name not in reached
    )


def test_importing_the_package_is_cheap() -> None:
    """Every bot's test pays for it; the functions that need a heavy library import it."""
    code = f"import sys, {PACKAGE}; print(*[m for m in {HEAVY} if m in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert not result.stdout.split(), (
        f"`import {PACKAGE}` loads {result.stdout.strip()}: import it inside the function"
    )


SETTLES = ("core.market", "core.settlement", "core.state")  # these may name a market's assets


def test_only_the_settlement_knows_which_asset_moves() -> None:
    """Another kind of market then needs a class in `core.settlement`, and no other change there."""
    check(
        f"{place(path, node.lineno)}: asks for a market's .{node.attr}; ask `settlement_of` instead"
        for name, path in modules().items()
        if name.startswith("core.") and name not in SETTLES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and node.attr in ("base", "quote")
    )


# --- sizes and first lines


def test_everything_fits_on_a_screen() -> None:
    """Long lines, functions and modules hide what they do."""

    def complaints() -> Iterator[str]:
        for path in all_sources():
            lines = path.read_text(encoding="utf-8").splitlines()
            if len(lines) > MODULE_LINES_MAX:
                yield f"{place(path, 1)}: {len(lines)} lines; make it two modules"
            for number, line in enumerate(lines, 1):
                if len(line) > LINE_LENGTH_MAX:
                    yield f"{place(path, number)}: {len(line)} columns; break the line"
            for node in functions(tree(path)):
                if (size := body_lines(node)) > FUNCTION_LINES_MAX:
                    yield f"{place(path, node.lineno)}: {node.name} has {size} lines; split it"

    check(complaints())


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """The lines of a function from its first statement on, without the docstring."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return (node.end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_each_module_begins_by_saying_what_it_is() -> None:
    """Whoever opens a file reads its first line first."""

    def complaints() -> Iterator[str]:
        for path in all_sources():
            doc = ast.get_docstring(tree(path)) or ""
            if not doc.strip():
                yield f"{place(path, 1)}: begin with a line that says what the module is"
            body = tree(path).body[1:]
            future = body and isinstance(body[0], ast.ImportFrom) and body[0].module == "__future__"
            if body and not future:
                yield f"{place(path, 2)}: put `from __future__ import annotations` on top"

    check(complaints())


# --- words


@pytest.mark.parametrize("name", modules())
def test_whatever_is_public_is_documented(name: str) -> None:
    """Meaning, units, errors raised: a user should not have to read the code for them."""
    path = modules()[name]

    def complaints() -> Iterator[str]:
        for owner, node in public(tree(path)):
            if ast.get_docstring(node) is None and not inherits_doc(name, owner, node.name):
                full = f"{owner}.{node.name}" if owner else node.name
                yield f"{place(path, node.lineno)}: {full} has no docstring; say what it is for"

    check(complaints())


Documented = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def public(module: ast.Module) -> Iterator[tuple[str, Documented]]:
    """(class or "", node) of public classes, functions and methods."""
    for node in module.body:
        if isinstance(node, Documented) and not node.name.startswith("_"):
            yield "", node
            for inner in node.body if isinstance(node, ast.ClassDef) else []:
                if isinstance(inner, Documented) and not inner.name.startswith("_"):
                    yield node.name, inner


def inherits_doc(name: str, owner: str, attribute: str) -> bool:
    """Whether a method says what it is for by what it overrides: asyncio's, say."""
    if not owner:
        return False
    dotted = PACKAGE if name == "__init__" else f"{PACKAGE}.{name}"
    cls = getattr(importlib.import_module(dotted), owner)
    return any(inspect.getdoc(vars(base).get(attribute)) for base in cls.__mro__[1:])


def test_each_limit_says_what_happens_there() -> None:
    """A bound without a comment is a surprise kept for later."""

    def complaints() -> Iterator[str]:
        for path in modules().values():
            lines = path.read_text(encoding="utf-8").splitlines()
            for name, line in limits(tree(path)):
                above = lines[line - 2] if line > 1 else ""
                if "#" not in lines[line - 1] and not above.lstrip().startswith("#"):
                    yield f"{place(path, line)}: {name}: add a comment: what happens at the limit?"

    check(complaints())


def limits(module: ast.Module) -> Iterator[tuple[str, int]]:
    """(name, line) of the module's constants that are limits."""
    for node in module.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        annotated = [node.target] if isinstance(node, ast.AnnAssign) else []
        for target in chain(targets, annotated):
            if isinstance(target, ast.Name) and LIMIT_NAME.match(target.id):
                yield target.id, node.lineno
