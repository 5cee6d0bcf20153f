"""Every fault of the catalogue as a client of the wire meets it: armed and disarmed differ."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from typing import Any

import pytest

from failing_exchange.faults import operations as ops
from failing_exchange.faults.catalogue import CATALOGUE, make
from failing_exchange.faults.known_incidents import KNOWN_INCIDENTS, By, Recipe
from failing_exchange.faults.plan import FaultRule
from failing_exchange.faults.triggers import parse
from tests.venues.binance.client import Client, on_the_wire
from tests.venues.binance.witness import Witness

SHORT = 22.0  # seconds of listening after a round: the venue pings once
REST = {"ignore_pongs": 90.0}  # it is closed after a minute


def witnessed(
    name: str | None, rest: float = SHORT, **given: Any
) -> tuple[list[str], set[Any], int]:
    """All that a client saw, at which stages the fault has struck, and how often."""

    async def story(client: Client) -> tuple[list[str], set[Any], int]:
        exchange = client.venue.exchange
        rules: list[FaultRule] = []

        def arm() -> None:
            if name is not None:
                rules.append(exchange.arm(name, **given).rule)

        saw = await Witness(client).testify(arm, rest)
        stages = {d.stage for trip in exchange.journal.trips for d in trip.struck}
        return saw, stages, rules[0].struck if rules else 0

    return on_the_wire(story, seed=3, latency="auto")


@cache
def calm(rest: float = SHORT) -> list[str]:
    """What it sees without any."""
    return witnessed(None, rest)[0]


def variants(name: str) -> list[dict[str, Any]]:
    """A fault that acts before or after the exchange has a stage for each."""
    entry = CATALOGUE[name]
    if any(one.name == "executed" for one in fields(entry.kind)):
        return [{"executed": "before"}, {"executed": "after"}]
    return [{}]


OF_CONTRACTS = "contracts"  # a group of faults; this client trades on Spot, which has none


@pytest.mark.parametrize("name", [n for n, e in CATALOGUE.items() if e.group != OF_CONTRACTS])
def test_a_client_of_the_wire_is_told_something_else(name: str) -> None:
    """At each stage that the fault says it has: one without a sight there would be a claim."""
    stages: set[Any] = set()
    for given in variants(name):
        make(name, **given)
        rest = REST.get(name, SHORT)
        saw, struck, times = witnessed(name, rest, **given)
        assert times > 0
        assert saw != calm(rest)
        stages |= struck
    assert stages == set(CATALOGUE[name].kind.stages)


def test_without_a_fault_the_same_is_seen_twice() -> None:
    """Or the difference that the others see would prove nothing."""
    assert witnessed(None)[0] == calm()


@pytest.mark.slow
@pytest.mark.parametrize("name", CATALOGUE)
def test_a_fault_on_everything_at_once_breaks_nothing_of_ours(name: str) -> None:
    """One that raises inside the venue would end a run as a bug of ours."""
    saw, _, _ = witnessed(name, 5.0, operations=(*ops.ALL, *ops.CONNECTION_EVENTS))
    assert saw


RECIPES = [
    pytest.param(row.name, recipe, id=f"{row.name}-{n}")
    for row in KNOWN_INCIDENTS
    for n, recipe in enumerate((*row.recipes, *row.wire))
    if row.by is By.WIRE or recipe.wire
]


@pytest.mark.parametrize(("incident", "recipe"), RECIPES)
def test_what_is_only_seen_on_the_wire_is_seen_there(incident: str, recipe: Recipe) -> None:
    """The table of docs/faults.md promises it, incident by incident."""
    when = parse(recipe.when) if recipe.when else None
    saw, _, times = witnessed(
        recipe.fault, REST.get(recipe.fault, SHORT), when=when, operations=recipe.on,
        **recipe.fields,
    )  # fmt: skip
    assert times > 0, incident
    assert saw != calm(REST.get(recipe.fault, SHORT))
