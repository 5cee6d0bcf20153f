"""Halts and locks overlap: each ends by itself, and none ends another one."""

from __future__ import annotations

from typing import Any

import pytest

from failing_exchange.core import commands as c
from failing_exchange.core.auditor import audit
from failing_exchange.core.events import MarketChanged
from failing_exchange.core.ledger import Wallet
from failing_exchange.core.market import MarketStatus
from failing_exchange.core.order import OrderType, Side, Status
from failing_exchange.core.queries import FetchTime
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.state import NEVER, Lock
from failing_exchange.core.units import ATOMS
from tests.core import contracts
from tests.core.floor import START, Floor, S

SECOND = 10**9
TRADING, HALTED, CANCEL_ONLY, _ = MarketStatus


class Clock:
    """A floor on which commands come at seconds of the story."""

    def __init__(self, floor: Floor) -> None:
        self.engine = floor.engine

    def at(self, second: int, command: Any = None) -> None:
        instant = START + second * SECOND + SECOND // 2
        self.engine.advance(instant)
        if command is not None:
            self.engine.execute(command, instant)
        audit(self.engine)

    def status(self, second: int) -> MarketStatus:
        self.at(second)
        return self.engine.state.markets[S].market.status

    def locked(self, second: int) -> int:
        self.at(second)
        used = self.engine.state.ledger.used("alice", "BTC")
        assert used == self.engine.state.accounts["alice"].locked(Wallet.SPOT, "BTC")
        return used


@pytest.fixture
def clock(floor: Floor) -> Clock:
    return Clock(floor)


def halt(seconds: int | None, status: MarketStatus = HALTED) -> c.SetMarketStatus:
    return c.SetMarketStatus(S, status, None if seconds is None else seconds * SECOND)


@pytest.mark.parametrize(("first", "second"), [(10, 60), (65, 10)])
def test_the_longer_of_two_halts_counts(clock: Clock, first: int, second: int) -> None:
    """A bot that waits for the announced end must not find the market open before it."""
    clock.at(1, halt(first))
    clock.at(6, halt(second))
    assert [clock.status(at) for at in (10, 12, 17, 64)] == [HALTED] * 4
    assert clock.status(67) is TRADING


def test_a_halt_for_good_outlives_a_timed_one(clock: Clock) -> None:
    """Only the operator resumes it, in whichever order they began."""
    clock.at(1, halt(10))
    clock.at(2, halt(None))
    clock.at(3, halt(5))
    assert clock.status(100) is HALTED
    clock.at(101, halt(None, TRADING))
    assert clock.status(102) is TRADING


def test_to_resume_a_market_ends_all_its_halts(clock: Clock) -> None:
    """And none of their timers touches a later halt."""
    clock.at(1, halt(10))
    clock.at(2, halt(20))
    clock.at(3, halt(None, TRADING))
    assert clock.status(4) is TRADING
    clock.at(5, halt(None))
    assert clock.status(60) is HALTED


def test_a_market_goes_back_to_the_halt_that_is_left(clock: Clock) -> None:
    """For ten seconds of a halt orders may be canceled; what it shows is as old as the halt."""
    ms = clock.engine.state.markets[S]
    clock.at(1, halt(60))
    since = ms.halted_at
    clock.at(2, halt(30))
    assert ms.halted_at == since
    clock.at(5, halt(10, CANCEL_ONLY))
    assert [clock.status(at) for at in (6, 16, 60, 62)] == [CANCEL_ONLY, HALTED, HALTED, TRADING]


def test_a_status_that_stays_is_no_event(floor: Floor) -> None:
    """The end of a halt within another one changes nothing, and says nothing."""
    floor.do(halt(1))
    floor.do(halt(3))
    floor.at += 2 * SECOND
    floor.do(FetchTime("alice"))
    told = [event for event in floor.events if isinstance(event, MarketChanged)]
    assert [event.status for event in told] == [HALTED, HALTED]


@pytest.mark.parametrize(
    "command",
    [
        c.SetMarketStatus(S, HALTED, 0),
        c.SetMarketStatus(S, HALTED, -1),
        c.SetMarketStatus(S, TRADING, SECOND),
        c.Freeze("alice", "BTC", 5, 0),
    ],
)
def test_no_time_at_all_is_refused(floor: Floor, command: Any) -> None:
    """Zero seconds are not for ever, and to trade for a while means nothing."""
    assert floor.refused(command).reason is Reason.BAD_REQUEST


def lock(atoms: int, seconds: int | None = None) -> c.Freeze:
    return c.Freeze("alice", "BTC", atoms, None if seconds is None else seconds * SECOND)


def test_locks_add_up_and_end_one_by_one(clock: Clock) -> None:
    """One for good stays when the others have ended."""
    clock.at(1, lock(5, 10))
    clock.at(2, lock(7, 20))
    clock.at(3, lock(11))
    assert [clock.locked(at) for at in (4, 12, 23, 100)] == [23, 18, 11, 11]


def test_the_end_of_a_released_lock_touches_no_later_one(clock: Clock) -> None:
    """The operator has released it before its time; what is locked since then stays locked."""
    clock.at(1, lock(5, 10))
    clock.at(2, lock(-5))
    clock.at(3, lock(5))
    assert clock.locked(12) == 5


def test_a_release_takes_of_the_lock_that_ends_first(clock: Clock) -> None:
    """What a timed lock still holds is released at its end, and never more."""
    clock.at(1, lock(5, 10))
    clock.at(2, lock(5))
    clock.at(3, lock(-3))
    assert clock.engine.state.accounts["alice"].locks == {
        (Wallet.SPOT, "BTC"): [Lock(START + 11 * SECOND + SECOND // 2, 2), Lock(NEVER, 5)]
    }
    assert clock.locked(12) == 5
    clock.at(13, lock(-100 * ATOMS))
    assert clock.locked(14) == 0


@pytest.mark.parametrize("limit", ["HALTS_MAX", "LOCKS_MAX"])
def test_what_holds_at_a_time_is_bounded(
    floor: Floor, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    """Each that ends by itself is remembered until then."""
    monkeypatch.setattr(f"failing_exchange.core.operator_commands.{limit}", 2)
    make = halt if limit == "HALTS_MAX" else lambda seconds: lock(1, seconds)
    for seconds in (90, 60):
        floor.do(make(seconds))
    assert floor.refused(make(30)).reason is Reason.BAD_REQUEST


def test_a_delisted_market_has_no_orders_and_takes_none(floor: Floor) -> None:
    """No halt that was under way brings it back; the operator alone lists it again."""
    order = floor.limit("alice", Side.BUY, 90, ATOMS // 1_000)
    floor.do(halt(1))
    floor.do(c.Delist(S))
    assert floor.order(order.order.id).status is Status.EXPIRED
    assert floor.used("alice", "USDT") == 0
    floor.at += 5 * SECOND  # the halt would be over
    refused = floor.refused(c.PlaceOrder("alice", S, Side.BUY, OrderType.LIMIT, 1_000, 90))
    assert (refused.reason, refused.text) == (
        Reason.MARKET_HALTED, "Market closed: BTC/USDT is delisted",
    )  # fmt: skip
    for command in (halt(5), c.SetMarketStatus(S, CANCEL_ONLY)):
        assert "is delisted; SetMarketStatus TRADING lists" in floor.refused(command).text
    floor.do(c.SetMarketStatus(S, TRADING))
    floor.limit("alice", Side.BUY, 90, ATOMS // 1_000)
    assert "use Delist" in floor.refused(c.SetMarketStatus(S, MarketStatus.DELISTED)).text


def test_a_contract_is_settled_to_be_delisted() -> None:
    """Its positions must be closed, too."""
    floor = contracts.Floor()
    with pytest.raises(Reject, match="SettleContract delists it"):
        floor.do(c.Delist(contracts.PERPETUAL.symbol))
