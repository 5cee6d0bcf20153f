"""The published checks: the venue that runs passes them, and each finds what it is there for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from failing_exchange import VenueBreaches, check_venue
from failing_exchange.core.reject import OF_CONTRACTS, OrderRule, Reason, Reject
from failing_exchange.server.api_keys import Keyring
from failing_exchange.server.messages import Reply, Request
from failing_exchange.venue import venue as running
from failing_exchange.venues.binance.dialect import SpotDialect
from failing_exchange.venues.binance.spot_examples import SpotExamples
from failing_exchange.venues.binance.spot_rest import SpotRest
from failing_exchange.venues.binance.venue import BinanceSpot
from failing_exchange.venues.checks import CHECKS
from failing_exchange.venues.example_world import ExampleWorld
from failing_exchange.venues.examples import ExampleRequest
from tests.venues.small_venue import ENDPOINTS, SMALL

PART = ("GET /api/v3/depth", "POST /api/v3/order")


@pytest.mark.slow
def test_binance_as_it_runs_conforms() -> None:
    """Every endpoint, every documented parameter, every reason, through its server."""
    report = check_venue("binance")
    assert list(report.cases) == list(CHECKS)
    assert report.cases["answers"] == len(SpotExamples().endpoints)
    assert report.cases["parameters"] > 250
    assert report.cases["reasons"] >= len(SpotExamples().endpoints) * (
        len(Reason) - len(OF_CONTRACTS) + len(OrderRule)
    )
    assert all(report.cases.values())
    assert "answers" in str(report)


def test_a_venue_of_another_kind_conforms() -> None:
    """The checks ask for nothing that only Binance has: keys in headers, JSON, HTTP 200."""
    report = check_venue(SMALL)
    assert report.cases["answers"] == len(ENDPOINTS)
    assert report.cases["parameters"] == 11
    assert list(report.cases) == list(CHECKS)


class Some(SpotExamples):
    """A part of the examples, so that the checks take no time."""

    @property
    def endpoints(self) -> Mapping[str, Sequence[str] | None]:
        return {name: super(Some, self).endpoints[name] for name in PART}

    def examples(self, world: ExampleWorld) -> Sequence[ExampleRequest]:
        return [one for one in super().examples(world) if one.endpoint in PART]


class Fewer(Some):
    """An endpoint that nobody has tried."""

    def examples(self, world: ExampleWorld) -> Sequence[ExampleRequest]:
        return super().examples(world)[1:]


class Broken(BinanceSpot):
    """The venue with another REST API: a class below breaks it."""

    title = "Broken"

    def __init__(self, rest: type[SpotRest] = SpotRest, examples: type[Some] = Some) -> None:
        self._rest, self._examples = rest, examples

    def examples(self) -> SpotExamples:
        return self._examples()

    def speak(
        self, venue: running.RunningVenue, keys: Keyring, limits: Any = None, **switches: bool
    ) -> SpotDialect:
        found = super().speak(venue, keys, limits, **switches)
        found.rest.__class__ = self._rest
        return found


class WritesWhatIsNoJson(SpotRest):
    """A stray comma in an answer."""

    def write(self, *args: Any) -> Reply:
        return super().write(*args)._replace(body=b'{"a": 1,}')


class DoesNotReadALimit(SpotRest):
    """A parameter is documented, and ignored."""

    def route(self, request: Request) -> Any:
        call = super().route(request)
        if call is not None and "limit" in call.message.params:
            call.message.params["limit"] = "5"
        return call


class IgnoresWhatItDoesNotKnow(SpotRest):
    """A misspelt parameter passes in silence."""

    def route(self, request: Request) -> Any:
        call = super().route(request)
        return call and call._replace(message=call.message._replace(refused=None))


class RaisesAtNumbers(SpotRest):
    """An error of its own where the venue refuses."""

    def read(self, trip: Any) -> Any:
        int(trip.message.params.get("limit", "1"))
        return super().read(trip)


class HasNoWordsForBans(SpotRest):
    """A ban that looks like an answer."""

    def refuse(self, trip: Any, refused: Reject) -> Reply:
        found = super().refuse(trip, refused)
        return found._replace(status=200) if refused.reason is Reason.BANNED else found


class LeavesAHole(SpotRest):
    """Words with a place that is never filled."""

    def refuse(self, trip: Any, refused: Reject) -> Reply:
        found = super().refuse(trip, refused)
        hole = b'{"code": -1013, "msg": "{symbol} is halted"}'
        return found._replace(body=hole) if refused.rule == OrderRule.PRICE else found


class Remembers(SpotRest):
    """The second time is not the first."""

    count = 0

    def read(self, trip: Any) -> Any:
        self.count += 1
        found = super().read(trip)
        return found._replace(limit=self.count) if hasattr(found, "limit") else found


class CountsInFloats(SpotRest):
    """Amounts through a float."""

    def read(self, trip: Any) -> Any:
        found = super().read(trip)
        return found._replace(lots=int(float(found.lots))) if hasattr(found, "lots") else found


@pytest.mark.parametrize(
    ("venue", "check", "says"),
    [
        (Broken(WritesWhatIsNoJson), "answers", "not JSON"),
        (Broken(examples=Fewer), "answers", "no example"),
        (Broken(DoesNotReadALimit), "parameters", "is it read?"),
        (Broken(IgnoresWhatItDoesNotKnow), "refusals", "not refused"),
        (Broken(RaisesAtNumbers), "refusals", "raised ValueError"),
        (Broken(HasNoWordsForBans), "reasons", "looks like an answer"),
        (Broken(LeavesAHole), "reasons", "{symbol}"),
        (Broken(Remembers), "purity", "read as"),
        (Broken(CountsInFloats), "numbers", "is read as"),
    ],
)
def test_each_check_finds_its_breach(venue: Broken, check: str, says: str) -> None:
    """A check that can't fail checks nothing."""
    with pytest.raises(VenueBreaches) as found:
        check_venue(venue)
    breaches = [one for one in found.value.breaches if one.check == check]
    assert any(says in str(one) for one in breaches), found.value
    assert str(found.value).startswith("Broken: ")


def test_the_part_that_is_broken_is_whole_without_it() -> None:
    """What the cases above find is what they have broken, and nothing else."""
    assert check_venue(Broken()).cases["answers"] == len(PART)
