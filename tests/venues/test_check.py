"""The published checks: our dialect passes them, and each of them finds what it is there for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from failing_exchange import BinanceDialect, DialectBreaches, check_dialect
from failing_exchange.core.market import Market
from failing_exchange.core.reject import Reason, Reject, Rule
from failing_exchange.venues.checks import CHECKS, Example, Pairs, Refusal, Stream
from failing_exchange.venues.example_world import World


def test_the_binance_dialect_conforms() -> None:
    """Every endpoint, every documented parameter, every reason."""
    report = check_dialect(BinanceDialect())
    assert list(report.cases) == list(CHECKS)
    assert report.cases["answers"] == len(BinanceDialect().endpoints)
    assert report.cases["parameters"] > 250
    assert report.cases["reasons"] == len(BinanceDialect().endpoints) * (len(Reason) + len(Rule))
    assert all(report.cases.values())
    assert "answers" in str(report)


class Broken(BinanceDialect):
    """A part of the dialect, so that the checks take no time; the classes below break it."""

    name = "Broken"

    @property
    def endpoints(self) -> Mapping[str, Sequence[str] | None]:
        """Two of them."""
        return {name: super(Broken, self).endpoints[name] for name in PART}

    @property
    def streams(self) -> Sequence[Stream]:
        """Lines of text."""
        return (Stream("lines", b"one line\n", lambda pieces: b"".join(pieces).split(b"\n")[:-1]),)

    def examples(self, world: World) -> Sequence[Example]:
        """Theirs."""
        return [one for one in super().examples(world) if one.endpoint in PART]


PART = ("GET /api/v3/depth", "POST /api/v3/order")


class WritesWhatJsonCannotHold(Broken):
    """A set in an answer."""

    def write(self, endpoint: str, sent: Pairs, command: Any, answer: Any, world: World) -> Any:
        """A set."""
        return {1, 2}


class HasNoExample(Broken):
    """An endpoint that nobody has tried."""

    def examples(self, world: World) -> Sequence[Example]:
        """One is missing."""
        return super().examples(world)[1:]


class DoesNotReadALimit(Broken):
    """A parameter is documented, and ignored."""

    def read(self, endpoint: str, sent: Pairs, world: World) -> Any:
        """Without it."""
        kept = [(n, "5" if n == "limit" else v) for n, v in sent]
        return super().read(endpoint, kept, world)


class IgnoresWhatItDoesNotKnow(Broken):
    """A misspelt parameter passes in silence."""

    def read(self, endpoint: str, sent: Pairs, world: World) -> Any:
        """Only what it knows."""
        known = self.endpoints[endpoint] or ()
        return super().read(endpoint, [(n, v) for n, v in sent if n in known], world)


class RaisesAtNumbers(Broken):
    """An error of its own where the venue refuses."""

    def read(self, endpoint: str, sent: Pairs, world: World) -> Any:
        """`int` has opinions of its own."""
        for name, value in sent:
            if name == "limit":
                int(value)
        return super().read(endpoint, sent, world)


class HasNoWordsForBans(Broken):
    """A reason that nobody has thought of."""

    def refusal(self, no: Reject, endpoint: str) -> Refusal:
        """Status 200 for a ban."""
        found = super().refusal(no, endpoint)
        return found._replace(status=200) if no.reason is Reason.BANNED else found


class LeavesAHole(Broken):
    """Words with a place that is never filled."""

    def refusal(self, no: Reject, endpoint: str) -> Refusal:
        """A hole."""
        found = super().refusal(no, endpoint)
        return found._replace(text="{symbol} is halted") if no.rule == Rule.PRICE else found


class Remembers(Broken):
    """The second time is not the first."""

    def __init__(self) -> None:
        self.count = 0

    def read(self, endpoint: str, sent: Pairs, world: World) -> Any:
        """Counted."""
        self.count += 1
        return (self.count, super().read(endpoint, sent, world))


class CountsInFloats(Broken):
    """Prices through a float."""

    def number_of(self, kind: str, text: str, market: Market) -> int:
        """Rounded."""
        if kind == "price":
            return round(float(text) * 10**8) // market.price_step
        return super().number_of(kind, text, market)


class TakesALineFeed(Broken):
    """`$` matches before the end of the line."""

    def number_of(self, kind: str, text: str, market: Market) -> int:
        """Without it."""
        return super().number_of(kind, text.removesuffix("\n"), market)


class NeedsItAllAtOnce(Broken):
    """What arrives in pieces is not put together."""

    @property
    def streams(self) -> Sequence[Stream]:
        """Each piece for itself."""
        return (Stream("pieces", b"one line\n", list),)


@pytest.mark.parametrize(
    ("broken", "check", "says"),
    [
        (WritesWhatJsonCannotHold, "answers", "JSON can't hold"),
        (HasNoExample, "answers", "no example"),
        (DoesNotReadALimit, "parameters", "is it read?"),
        (IgnoresWhatItDoesNotKnow, "refusals", "not refused"),
        (RaisesAtNumbers, "refusals", "raised ValueError"),
        (HasNoWordsForBans, "reasons", "status 200"),
        (LeavesAHole, "reasons", "{symbol}"),
        (Remembers, "purity", "read as"),
        (CountsInFloats, "numbers", "is read as"),
        (TakesALineFeed, "numbers", "\\n"),
        (NeedsItAllAtOnce, "streams", "pieces byte by byte"),
    ],
)
def test_each_check_finds_its_breach(broken: type[Broken], check: str, says: str) -> None:
    """A check that can't fail checks nothing."""
    with pytest.raises(DialectBreaches) as found:
        check_dialect(broken())
    breaches = [one for one in found.value.breaches if one.check == check]
    assert any(says in str(one) for one in breaches), found.value
    assert str(found.value).startswith("Broken: ")


def test_the_part_that_is_broken_is_whole_without_it() -> None:
    """What the cases above find is what they have broken, and nothing else."""
    assert check_dialect(Broken()).cases["answers"] == len(PART)
