"""One pass: who may write which part of a trip, read from the sources."""

from __future__ import annotations

import ast
import asyncio
from collections.abc import Iterator
from contextlib import suppress

import pytest

from failing_exchange import FailingExchange, simulate
from failing_exchange.errors import FailingExchangeError
from failing_exchange.journal.trip import Trip
from failing_exchange.venue.gateway import Gateway
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
                    if not isinstance(target, ast.Attribute):
                        continue
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
    """A trip that nothing delays or alters leaves out the waits and the faults, and no more."""
    module = tree(modules()["venue.gateway"])
    calls: dict[str, list[str]] = {}
    for function in functions(module):
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                calls.setdefault(ast.unparse(node.func), []).append(function.name)
    assert calls["self._execute"] == ["_at_once", "_carry"]
    assert calls["self._admit"] == ["_carry"]
    assert calls["self._conclude"] == ["_carry"]
    assert sorted(calls["self.plan.verdicts"]) == ["_before_engine", "_behind_engine"]


async def used(latency: object) -> str:
    """The journal of an exchange that was read, traded on, and has refused something."""
    exchange = FailingExchange(seed=7, latency=latency)
    for number in range(20):
        await exchange.fetch_ticker("BTC/USDT")
        await exchange.create_order("BTC/USDT", "limit", "buy", 0.01, 50_000 + number)
        with suppress(FailingExchangeError):
            await exchange.create_order("BTC/USDT", "limit", "buy", 0.01, -1)
        with suppress(FailingExchangeError):
            await exchange.cancel_order(str(3 * number + 1), "BTC/USDT")
        await asyncio.sleep(1)
    return exchange.journal.dump()


@pytest.mark.parametrize("latency", [None, "auto"])
def test_a_trip_that_nothing_delays_is_told_as_if_it_had_waited(
    latency: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The short way is one of speed only: the journal is the same to the byte."""
    at_once = simulate(used(latency))
    monkeypatch.setattr(Gateway, "_at_once", lambda *_: False)
    assert simulate(used(latency)) == at_once
