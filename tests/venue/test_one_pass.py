"""One pass: who may write which part of a trip, read from the sources."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from failing_exchange.journal.trip import Trip
from tests.sources import functions, modules, tree

PLAN = {"considered", "active", "struck"}  # what the rules have decided
WAITING = {"reply"}  # who waits for the answer
NAMES = ("trip", "again")  # what a trip is called wherever one is written to


def writes() -> Iterator[tuple[str, str, str]]:
    """(module, function, field) of every assignment to a field of a trip."""
    for module, path in modules().items():
        for function in functions(tree(path)):
            for node in ast.walk(function):
                for target in targets(node):
                    owner, _, field = ast.unparse(target).rpartition(".")
                    if owner in NAMES and field in Trip.__slots__:
                        yield module, function.name, field


def targets(node: ast.AST) -> Iterator[ast.AST]:
    found = node.targets if isinstance(node, ast.Assign) else []
    if isinstance(node, (ast.AugAssign, ast.AnnAssign)):
        found = [node.target]
    for target in found:
        yield from target.elts if isinstance(target, ast.Tuple) else [target]


def test_the_second_column_is_written_in_one_place() -> None:
    """What a client was told is decided once; a second place would be a second truth."""
    places = {(module, function) for module, function, field in writes() if field == "told"}
    assert places == {("journal.journal", "tell")}


def test_only_the_venue_and_the_journal_write_to_a_trip() -> None:
    """Clients and servers wait for an answer; the fault plan notes what its rules decided."""
    others = {
        (module, field)
        for module, _, field in writes()
        if module.split(".")[0] not in ("venue", "journal")
        and not (module == "faults.plan" and field in PLAN)
        and field not in WAITING
    }
    assert others == set()


def test_the_gateway_has_one_place_for_each_step() -> None:
    """Every trip takes the same way, whether faults strike it or not."""
    module = tree(modules()["venue.gateway"])
    calls: dict[str, list[str]] = {}
    for function in functions(module):
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                calls.setdefault(ast.unparse(node.func), []).append(function.name)
    assert calls["self._execute"] == ["_carry"]
    assert calls["self._admit"] == ["_carry"]
    assert calls["self._conclude"] == ["_carry"]
    assert sorted(calls["self.plan.verdicts"]) == ["_before_engine", "_behind_engine"]
