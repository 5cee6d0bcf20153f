"""The bot's side: one intent, one order, whatever is lost on the way; all in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

import pytest

from failing_exchange.errors import (
    BannedError,
    CircuitOpenError,
    ClockSkewError,
    ConfigurationError,
    ConnectionLostError,
    DuplicateOrderError,
    ExchangeMaintenanceError,
    ExchangeUnavailableError,
    FailingExchangeError,
    InsufficientBalanceError,
    InvalidOrderError,
    MalformedResponseError,
    NotSupportedError,
    OrderNotFoundError,
    RateLimitError,
    RequestTimeoutError,
)
from failing_exchange.resilience import (
    CircuitBreaker,
    Difference,
    Kind,
    Order,
    OrderQueue,
    Outcome,
    Placement,
    Reconciler,
    Settled,
    outcome_of,
    place_order_with_retry,
    robust_order_placement,
    wait_for,
)
from failing_exchange.simulation import simulate


def in_virtual_time(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run an async test by `simulate`: its waiting costs nothing."""

    @wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        simulate(lambda: test(*args, **kwargs))  # type: ignore[arg-type,return-value]

    return run


def now() -> float:
    """Seconds since the loop started."""
    return asyncio.get_running_loop().time()


class Scripted:
    """A venue of a few lines. `script` says what happens to each create_order in turn:

    None: all is well. An error: it is raised, nothing is placed. (error,): placed, then raised.
    A list with an answer: that is the answer, nothing is placed.
    """

    def __init__(self, *script: Any, lag: float = 0.0) -> None:
        self.script = list(script)
        self.lag = lag  # seconds until a new order shows in any reading
        self.by_client_id: Exception | None = None  # what asking by client id raises
        self.placed: list[Order] = []
        self.sent: list[tuple[float, dict[str, Any]]] = []
        self.calls: list[tuple[float, str]] = []
        self.reading_fails: list[Exception] = []  # each raised by one reading, then gone

    async def create_order(self, **request: Any) -> Any:
        """Place an order as the script says."""
        await asyncio.sleep(0.01)
        self.sent.append((now(), request))
        self.calls.append((now(), "create_order"))
        fate = self.script.pop(0) if self.script else None
        if isinstance(fate, Exception):
            raise fate
        if isinstance(fate, list):
            return fate[0]
        client_id = request["params"]["clientOrderId"]
        if any(o["clientOrderId"] == client_id for o in self.placed):
            raise DuplicateOrderError("Duplicate order sent.")
        order = self.place(client_id, **request)
        if isinstance(fate, tuple):
            raise fate[0]
        return dict(order)

    def place(self, client_id: str, **request: Any) -> Order:
        """An order as it stands at the venue."""
        order = {key: request.get(key) for key in ("symbol", "type", "side", "amount", "price")}
        order |= {"id": str(len(self.placed) + 1), "clientOrderId": client_id}
        order |= {"status": "open", "filled": 0.0, "seen_from": now() + self.lag}
        self.placed.append(order)
        return order

    async def fetch_order(self, id: str, symbol: str | None = None, params: Any = None) -> Order:
        """One order by its id, or by its client id."""
        await self.read("fetch_order")
        client_id = (params or {}).get("clientOrderId")
        if self.by_client_id and client_id:
            raise self.by_client_id
        for order in self.visible():
            if order["id"] == id or (client_id and order["clientOrderId"] == client_id):
                return dict(order)
        raise OrderNotFoundError(f"no order {id or client_id}")

    async def fetch_open_orders(self, symbol: str | None = None) -> list[Order]:
        """The open orders."""
        await self.read("fetch_open_orders")
        return [dict(o) for o in self.visible() if o["status"] == "open"]

    async def fetch_closed_orders(self, symbol: str | None = None) -> list[Order]:
        """The orders that have ended."""
        await self.read("fetch_closed_orders")
        return [dict(o) for o in self.visible() if o["status"] != "open"]

    async def read(self, name: str) -> None:
        """A reading is noted, and may fail."""
        await asyncio.sleep(0.01)
        self.calls.append((now(), name))
        if self.reading_fails:
            raise self.reading_fails.pop(0)

    def visible(self) -> list[Order]:
        """What readings show by now."""
        return [order for order in self.placed if order["seen_from"] <= now()]


LOST = ConnectionLostError("the connection broke")
LATE = RequestTimeoutError("no answer in 5 s")
GARBLED = MalformedResponseError("<html>")
BUSY = ExchangeUnavailableError("503")
ORDER: dict[str, Any] = {
    "symbol": "ETH/USDT", "type": "limit", "side": "sell", "amount": 2.0, "price": 3_000,
}  # fmt: skip


@in_virtual_time
async def test_without_arguments_it_buys_a_little_bitcoin() -> None:
    """The seed's examples call it so."""
    order = await place_order_with_retry(Scripted())
    assert (order["symbol"], order["type"], order["side"]) == ("BTC/USDT", "limit", "buy")
    assert (order["amount"], order["price"]) == (0.01, 50_000)
    assert len(order["clientOrderId"]) == 32


@pytest.mark.parametrize("error", [LOST, LATE, GARBLED, BUSY])
@in_virtual_time
async def test_an_order_whose_answer_was_lost_is_found_and_not_sent_again(error: Exception) -> None:
    """The failure that costs most: a blind retry would buy twice."""
    venue = Scripted((error,))
    order = await place_order_with_retry(venue, **ORDER)
    assert order["id"] == "1"
    assert len(venue.sent) == len(venue.placed) == 1


@pytest.mark.parametrize("error", [LOST, LATE, GARBLED, BUSY])
@in_virtual_time
async def test_an_order_that_never_arrived_is_sent_again_with_the_same_id(error: Exception) -> None:
    """Only after the horizon: the same error may also mean that it did arrive."""
    venue = Scripted(error)
    order = await place_order_with_retry(venue, **ORDER)
    (first_at, first), (again_at, again) = venue.sent
    assert again_at - first_at >= 20
    assert first["params"] == again["params"] == {"clientOrderId": order["clientOrderId"]}
    assert len(venue.placed) == 1


@pytest.mark.parametrize("lag", [0.3, 5.0, 19.0])
@in_virtual_time
async def test_an_order_that_shows_late_is_still_found(lag: float) -> None:
    """Not found is not never placed: reads lag behind writes."""
    venue = Scripted((LATE,), lag=lag)
    await place_order_with_retry(venue, **ORDER)
    assert len(venue.sent) == 1


@pytest.mark.parametrize("error", [NotSupportedError("needs an id"), OrderNotFoundError("none")])
@in_virtual_time
async def test_the_last_look_reads_every_view(error: Exception) -> None:
    """A venue may show an order in its lists and not by its client id; filled ones included."""
    venue = Scripted((LOST,))
    venue.by_client_id = error
    placing = asyncio.create_task(place_order_with_retry(venue, **ORDER))
    await asyncio.sleep(0.02)
    venue.placed[0]["status"] = "closed"
    assert (await placing)["status"] == "closed"
    assert len(venue.sent) == 1


@in_virtual_time
async def test_a_duplicate_id_proves_that_the_first_one_arrived() -> None:
    """Even when it can't be seen for longer than the horizon, it is never sent under another id."""
    venue = Scripted((LOST,), lag=25.0)
    order = await place_order_with_retry(venue, **ORDER)
    assert order["id"] == "1"
    assert len(venue.sent) == 2
    assert len(venue.placed) == 1


@in_virtual_time
async def test_a_taken_id_that_is_somebody_elses_is_an_error() -> None:
    """A reused client id must not hand out an old order as the new one."""
    venue = Scripted()
    venue.place("mine", **(ORDER | {"side": "buy"}))
    with pytest.raises(DuplicateOrderError):
        await place_order_with_retry(venue, **ORDER, params={"clientOrderId": "mine"})
    assert len(venue.placed) == len(venue.sent) == 1


@in_virtual_time
async def test_an_answer_without_an_id_is_no_answer() -> None:
    """Null fields: the order may well be live."""
    venue = Scripted([{"id": None, "status": "open"}], [None])
    order = await place_order_with_retry(venue, **ORDER)
    assert order["id"] == "1"
    assert len(venue.sent) == 3


@in_virtual_time
async def test_a_rate_limit_is_waited_out_exactly() -> None:
    """No request inside the window that the venue named."""
    venue = Scripted(RateLimitError("slow down", retry_after=7.5))
    await place_order_with_retry(venue, **ORDER)
    assert venue.sent[1][0] - venue.sent[0][0] == pytest.approx(7.51)


@in_virtual_time
async def test_maintenance_is_waited_out_to_its_end() -> None:
    """Ten minutes, as announced, and one request afterwards."""
    venue = Scripted(ExchangeMaintenanceError("upgrade", retry_after=600))
    await place_order_with_retry(venue, **ORDER)
    assert [round(at) for at, _ in venue.sent] == [0, 600]


@in_virtual_time
async def test_a_ban_longer_than_patience_is_raised_at_once() -> None:
    """Nobody wants an order placed three days late."""
    venue = Scripted(BannedError("banned", retry_after=3 * 86_400))
    with pytest.raises(BannedError):
        await place_order_with_retry(venue, **ORDER)
    assert now() < 1


@in_virtual_time
async def test_maintenance_in_the_middle_of_a_doubt_does_not_resolve_it() -> None:
    """The look-up waits for the venue, too; the order is found afterwards."""
    venue = Scripted((LATE,))
    venue.reading_fails = [ExchangeMaintenanceError("upgrade", retry_after=600), LOST, GARBLED]
    await place_order_with_retry(venue, **ORDER)
    assert len(venue.sent) == 1
    assert now() > 600


@pytest.mark.parametrize(
    "error", [InvalidOrderError("Invalid price"), InsufficientBalanceError("Insufficient funds")]
)
@in_virtual_time
async def test_a_rejection_is_final_and_changes_no_price(error: Exception) -> None:
    """The famous recipe raises the price by a percent and tries again: a buyer's loss."""
    venue = Scripted(error)
    with pytest.raises(type(error)):
        await robust_order_placement(venue, **ORDER)
    assert [request["price"] for _, request in venue.sent] == [3_000]


@in_virtual_time
async def test_it_gives_up_after_max_retries_and_raises_the_last_error() -> None:
    """The default is the exchange's own `max_retries`; an argument beats it."""
    venue = Scripted(*[ConnectionLostError("gone") for _ in range(9)])
    with pytest.raises(ConnectionError):
        await place_order_with_retry(venue, **ORDER)
    assert len(venue.sent) == 3
    venue.max_retries = 2  # type: ignore[attr-defined]
    with pytest.raises(ConnectionError):
        await place_order_with_retry(venue, **ORDER)
    assert len(venue.sent) == 5
    with pytest.raises(ConnectionError) as caught:
        await place_order_with_retry(venue, **ORDER, max_retries=1)
    assert len(venue.sent) == 6
    assert not hasattr(caught.value, "__notes__")  # it was looked up: nothing is in doubt
    with pytest.raises(ConfigurationError, match="max_retries is 0"):
        await place_order_with_retry(venue, **ORDER, max_retries=0)


@in_virtual_time
async def test_an_outcome_that_stays_unknown_says_so() -> None:
    """When not even reading works, sending again would be a gamble; a later call goes on."""
    venue = Scripted((ConnectionLostError("gone"),))
    venue.reading_fails = [ConnectionLostError("gone") for _ in range(1_000)]
    placement = Placement(venue, ORDER)
    with pytest.raises(ConnectionError) as caught:
        await placement.place()
    assert "outcome unknown" in caught.value.__notes__[0]
    assert placement.client_order_id in caught.value.__notes__[0]
    assert placement.in_doubt
    venue.reading_fails.clear()
    assert (await placement.place())["id"] == "1"
    assert len(venue.sent) == 1


@in_virtual_time
async def test_a_bug_is_not_retried() -> None:
    """A TypeError will be one again."""
    venue = Scripted(TypeError("a bug"))
    with pytest.raises(TypeError):
        await place_order_with_retry(venue, **ORDER)
    assert len(venue.sent) == 1


@in_virtual_time
async def test_a_market_order_has_no_price() -> None:
    """The default price is that of the default order; on some venues it would become a cost."""
    venue = Scripted()
    await place_order_with_retry(venue, "BTC/USDT", "market")
    assert "price" not in venue.sent[0][1]


@in_virtual_time
async def test_the_storm_leaves_one_order_per_intent() -> None:
    """A hundred intents, each hit by another pair of misfortunes: a hundred orders."""
    fates: list[Any] = [None, LOST, (LOST,), LATE, (LATE,), GARBLED, (GARBLED,), [{"id": None}]]
    fates += [RateLimitError("slow", retry_after=1), ClockSkewError("-1021")]
    pairs = [(one, other) for one in fates for other in fates]
    for pair in pairs:
        venue = Scripted(*pair, lag=3.0)
        await place_order_with_retry(venue, **ORDER)
        assert len(venue.placed) == 1, pair


def test_ccxts_errors_are_understood_by_name() -> None:
    """The bot's side works with ccxt itself, and does not import it."""
    errors = pytest.importorskip("ccxt.base.errors")
    rows = {
        "RateLimitExceeded": Outcome.REFUSED,
        "DDoSProtection": Outcome.REFUSED,
        "OnMaintenance": Outcome.REFUSED,
        "InvalidNonce": Outcome.REFUSED,
        "RequestTimeout": Outcome.UNKNOWN,
        "NetworkError": Outcome.UNKNOWN,
        "ExchangeNotAvailable": Outcome.UNKNOWN,
        "BadResponse": Outcome.UNKNOWN,
        "NullResponse": Outcome.UNKNOWN,
        "OperationFailed": Outcome.UNKNOWN,
        "DuplicateOrderId": Outcome.EXISTS,
        "OrderNotFound": Outcome.ABSENT,
        "InsufficientFunds": Outcome.REJECTED,
        "InvalidOrder": Outcome.REJECTED,
        "AuthenticationError": Outcome.REJECTED,
    }
    assert {name: outcome_of(getattr(errors, name)("x")) for name in rows} == rows


def test_each_of_our_errors_has_an_outcome() -> None:
    """None may be mistaken for a bug, but for the breaker's, which is the bot's own."""

    def tree(cls: type[FailingExchangeError]) -> list[type[FailingExchangeError]]:
        return [cls, *(leaf for child in cls.__subclasses__() for leaf in tree(child))]

    foreign = [cls for cls in tree(FailingExchangeError) if outcome_of(cls("")) is Outcome.FOREIGN]
    assert foreign == [FailingExchangeError, CircuitOpenError]


def test_a_refusal_that_names_no_time_is_waited_out_by_habit() -> None:
    """ccxt's errors carry no retry_after; a zero, however, means at once."""
    assert wait_for(RateLimitError("")) == 60
    assert wait_for(BannedError("")) == 120
    assert wait_for(ClockSkewError("")) == 1
    assert wait_for(RateLimitError("", retry_after=0)) == 0


# --- CircuitBreaker


async def fails() -> None:
    """A call that is lost."""
    raise ConnectionResetError


async def works(answer: str = "answer") -> str:
    """A call that is answered, after a second."""
    await asyncio.sleep(1)
    return answer


async def opened(**options: Any) -> CircuitBreaker:
    """A breaker that has just opened."""
    breaker = CircuitBreaker(**options)
    for _ in range(breaker.failure_threshold):
        with pytest.raises(ConnectionResetError):
            await breaker.call(fails)
    assert breaker.state == "OPEN"
    return breaker


@in_virtual_time
async def test_a_breaker_opens_at_the_threshold_and_lets_nothing_through() -> None:
    """Five failures in a row, then silence for a minute."""
    breaker = await opened()
    assert breaker.failure_count == 5
    with pytest.raises(CircuitOpenError, match="next try passes in 60 s"):
        await breaker.call(works)


@in_virtual_time
async def test_a_success_closes_it_after_the_timeout() -> None:
    """And the count starts anew."""
    breaker = await opened()
    await asyncio.sleep(60)
    assert await breaker.call(works, answer="yes") == "yes"
    assert (breaker.state, breaker.failure_count) == ("CLOSED", 0)


@in_virtual_time
async def test_a_failed_probe_opens_it_for_another_timeout() -> None:
    """One call is enough to know."""
    breaker = await opened(failure_threshold=2, timeout=10)
    await asyncio.sleep(10)
    with pytest.raises(ConnectionResetError):
        await breaker.call(fails)
    await asyncio.sleep(9.5)
    with pytest.raises(CircuitOpenError):
        await breaker.call(works)


@in_virtual_time
async def test_only_one_probe_is_out_at_a_time() -> None:
    """The venue that comes back must not be met by everybody at once."""
    breaker = await opened()
    await asyncio.sleep(60)
    results = await asyncio.gather(*[breaker.call(works) for _ in range(5)], return_exceptions=True)
    assert results[0] == "answer"
    assert [type(result) for result in results[1:]] == [CircuitOpenError] * 4


@in_virtual_time
async def test_a_cancelled_probe_does_not_block_the_next() -> None:
    """It proved nothing, and nobody else may be left waiting for it."""
    breaker = await opened()
    await asyncio.sleep(60)
    probe = asyncio.create_task(breaker.call(works))
    await asyncio.sleep(0)
    assert breaker.state == "HALF_OPEN"
    probe.cancel()
    await asyncio.wait([probe])
    assert await breaker.call(works) == "answer"


@in_virtual_time
async def test_a_late_success_from_before_does_not_close_it() -> None:
    """Its request left while all was well; it says nothing about now."""
    breaker = CircuitBreaker(failure_threshold=1)
    slow = asyncio.create_task(breaker.call(works))
    await asyncio.sleep(0)
    with pytest.raises(ConnectionResetError):
        await breaker.call(fails)
    await slow
    assert breaker.state == "OPEN"


@in_virtual_time
async def test_a_late_failure_from_before_does_not_keep_it_open() -> None:
    """A hundred timeouts that trickle in must not put the first probe off for ever."""
    breaker = CircuitBreaker(failure_threshold=1, timeout=60)

    async def times_out() -> None:
        await asyncio.sleep(59)
        raise TimeoutError

    slow = asyncio.create_task(breaker.call(times_out))
    await asyncio.sleep(0)
    with pytest.raises(ConnectionResetError):
        await breaker.call(fails)
    await asyncio.wait([slow])
    assert isinstance(slow.exception(), TimeoutError)
    await asyncio.sleep(1)
    assert await breaker.call(works) == "answer"


@in_virtual_time
async def test_failures_count_only_in_a_row_and_rejections_not_at_all() -> None:
    """Five lost calls in a year are no outage, and a venue that says no is alive."""
    breaker = CircuitBreaker(failure_threshold=2)

    async def rejects() -> None:
        raise InsufficientBalanceError("no funds")

    for call in (fails, works, fails, rejects, rejects, fails):
        await asyncio.gather(breaker.call(call), return_exceptions=True)
    assert (breaker.state, breaker.failure_count) == ("CLOSED", 1)
    with pytest.raises(ConfigurationError, match="failure_threshold is 0"):
        CircuitBreaker(failure_threshold=0)


# --- OrderQueue

MAINTENANCE = ExchangeMaintenanceError("upgrade", retry_after=600)


@in_virtual_time
async def test_orders_wait_for_the_end_of_maintenance_and_follow_in_order() -> None:
    """The seed's example; while the venue is closed it is not asked."""
    venue, settled = Scripted(MAINTENANCE), list[Settled]()
    queue = OrderQueue(venue)
    running = asyncio.create_task(queue.run(settled.append))
    assert [await queue.submit(**ORDER, id=f"n{i}") for i in range(3)] == [None] * 3
    assert queue.waiting == ("n0", "n1", "n2")
    await asyncio.sleep(599)
    assert len(venue.sent) == 1
    await asyncio.sleep(10)
    assert [s.order and s.order["clientOrderId"] for s in settled] == ["n0", "n1", "n2"]
    assert len(queue) == 0
    running.cancel()


@in_virtual_time
async def test_an_open_venue_gets_the_order_at_once() -> None:
    """Nothing waits without need; a rejection is the caller's."""
    queue = OrderQueue(Scripted(None, InsufficientBalanceError("no funds")))
    order = await queue.submit(**ORDER)
    assert order is not None
    assert order["status"] == "open"
    with pytest.raises(InsufficientBalanceError):
        await queue.submit(**ORDER)
    assert len(queue) == 0


@in_virtual_time
async def test_a_rejected_order_does_not_hold_up_those_behind_it() -> None:
    """Each settles for itself."""
    queue = OrderQueue(Scripted(InvalidOrderError("Invalid price"), None))
    ids = [queue.put(**ORDER), queue.put(**ORDER)]
    first, second = await queue.drain()
    assert [first.client_order_id, second.client_order_id] == ids
    assert isinstance(first.error, InvalidOrderError)
    assert second.order is not None


@in_virtual_time
async def test_an_order_in_doubt_when_the_venue_closes_is_looked_up_later() -> None:
    """It was sent, its answer lost, then maintenance began: it must not be sent again."""
    venue = Scripted((LATE,))
    venue.reading_fails = [MAINTENANCE]
    queue = OrderQueue(venue)
    assert await queue.submit(**ORDER) is None
    assert await queue.drain() == []
    await asyncio.sleep(600)
    (settled,) = await queue.drain()
    assert settled.order is not None
    assert len(venue.sent) == 1


@in_virtual_time
async def test_an_order_that_cannot_be_resolved_stays_at_the_head() -> None:
    """Those behind it may depend on it, and letting go of it would lose its client id."""
    venue = Scripted((LATE,))
    venue.reading_fails = [LOST] * 100
    queue = OrderQueue(venue)
    assert await queue.submit(**ORDER, id="mine") is None
    assert queue.waiting == ("mine",)
    venue.reading_fails.clear()
    (settled,) = await queue.drain()
    assert settled.order is not None
    assert len(venue.sent) == 1


@in_virtual_time
async def test_the_queue_has_an_end() -> None:
    """What nobody can place any more must not be promised."""
    queue = OrderQueue(Scripted(), limit=2)
    queue.put(**ORDER)
    queue.put(**ORDER)
    with pytest.raises(asyncio.QueueFull, match="2 orders wait"):
        queue.put(**ORDER)
    with pytest.raises(ConfigurationError, match="limit is 0"):
        OrderQueue(Scripted(), limit=0)


# --- Reconciler


async def tracked(venue: Scripted, **options: Any) -> tuple[Reconciler, Order, list[Difference]]:
    """A reconciler that knows one open order, which everybody can see."""
    seen: list[Difference] = []
    reconciler = Reconciler(venue, on_difference=seen.append, **options)
    order = await venue.create_order(**ORDER, params={"clientOrderId": "mine"})
    reconciler.track(order)
    return reconciler, venue.placed[0], seen


@pytest.mark.parametrize(
    ("status", "filled", "kind"),
    [
        ("closed", 2.0, Kind.FILLED),
        ("canceled", 0.5, Kind.CANCELED),
        ("expired", 0.0, Kind.EXPIRED),
        ("rejected", 0.0, Kind.REJECTED),
        ("open", 0.5, Kind.PROGRESSED),
    ],
)
@in_virtual_time
async def test_a_change_at_the_venue_is_told_once_and_by_its_name(
    status: str, filled: float, kind: Kind
) -> None:
    """An order that left the list is looked up: filled and canceled are not the same."""
    venue = Scripted()
    reconciler, order, seen = await tracked(venue)
    assert await reconciler.sync() == []
    order |= {"status": status, "filled": filled}
    (difference,) = await reconciler.sync()
    assert difference.kind is kind
    assert difference.order_id == "1"
    assert difference.found is not None
    assert difference.found["filled"] == filled
    assert ("1" in reconciler.orders) == (status == "open")
    assert await reconciler.sync() == []
    assert seen == [difference]


@in_virtual_time
async def test_an_order_that_does_not_show_yet_has_not_disappeared() -> None:
    """The seed's loop deletes it here, and the bot buys again."""
    venue = Scripted(lag=15.0)
    reconciler, _, seen = await tracked(venue)
    for _ in range(4):
        assert await reconciler.sync() == []
        await asyncio.sleep(4)
    assert "1" in reconciler.orders
    assert not seen


@in_virtual_time
async def test_an_order_that_nobody_knows_after_the_horizon_has_disappeared() -> None:
    """A success reply for nothing: it is told once."""
    venue = Scripted()
    reconciler, _, seen = await tracked(venue)
    venue.placed.clear()
    assert await reconciler.sync() == []
    await asyncio.sleep(21)
    (difference,) = await reconciler.sync()
    assert difference.kind is Kind.DISAPPEARED
    assert difference.found is None
    assert reconciler.orders == {}
    assert await reconciler.sync() == []
    assert seen == [difference]


@in_virtual_time
async def test_a_list_that_is_behind_is_stale_and_changes_nothing() -> None:
    """Missing from the list, found by id: the list is wrong, not the order."""
    venue = Scripted()
    reconciler, _, _ = await tracked(venue)

    async def behind(symbol: str | None = None) -> list[Order]:
        return []

    venue.fetch_open_orders = behind  # type: ignore[method-assign]
    (difference,) = await reconciler.sync()
    assert difference.kind is Kind.STALE
    assert "1" in reconciler.orders


@in_virtual_time
async def test_an_order_never_leaves_its_end_and_a_fill_never_shrinks() -> None:
    """What is certain is not taken back by an old reading."""
    venue = Scripted()
    reconciler, order, _ = await tracked(venue)
    order["filled"] = 0.5
    await reconciler.sync()
    order["filled"] = 0.2
    (shrunk,) = await reconciler.sync()
    assert shrunk.kind is Kind.STALE
    assert reconciler.orders["1"]["filled"] == 0.5
    order["filled"] = 0.5
    reconciler.track(dict(order) | {"status": "canceled"})
    (reopened,) = await reconciler.sync()
    assert reopened.kind is Kind.STALE
    assert reconciler.orders == {}


@in_virtual_time
async def test_a_cancel_that_lost_to_a_fill_comes_to_light() -> None:
    """Told canceled, in truth filled: more fill is always news, even after the end."""
    venue = Scripted()
    reconciler, order, _ = await tracked(venue)
    reconciler.track(dict(order) | {"status": "canceled"})
    order["filled"] = 2.0
    (difference,) = await reconciler.sync()
    assert difference.kind is Kind.PROGRESSED
    assert reconciler.orders == {}


@in_virtual_time
async def test_unknown_orders_are_told_and_expected_ones_are_not() -> None:
    """An order whose answer is still on its way is no surprise."""
    venue = Scripted()
    reconciler = Reconciler(venue)
    venue.place("stranger", **ORDER)
    venue.place("mine", **ORDER)
    reconciler.expect("mine")
    (difference,) = await reconciler.sync()
    assert difference.kind is Kind.UNKNOWN
    assert difference.found is not None
    assert difference.found["clientOrderId"] == "stranger"
    assert list(reconciler.orders) == ["1", "2"]
    assert await reconciler.sync() == []


@in_virtual_time
async def test_the_loop_survives_an_outage_and_honours_the_venues_wait() -> None:
    """It compares every 30 s; a ban is not knocked at; a revoked key ends it."""
    venue, errors = Scripted(), list[Exception]()
    venue.reading_fails = [LOST, RateLimitError("slow", retry_after=100)]
    reconciler = Reconciler(venue, on_error=errors.append)
    running = asyncio.create_task(reconciler.run())
    await asyncio.sleep(140)
    assert [round(at) for at, _ in venue.calls] == [0, 30, 130]
    assert len(errors) == 2
    venue.reading_fails = [InsufficientBalanceError("stands for any rejection")]
    with pytest.raises(InsufficientBalanceError):
        await running


@in_virtual_time
async def test_an_order_that_cannot_be_looked_up_waits_for_the_next_time() -> None:
    """One bad answer must not hide the other differences."""
    venue, errors = Scripted(), list[Exception]()
    reconciler, order, _ = await tracked(venue, on_error=errors.append)
    order |= {"status": "closed", "filled": 2.0}

    async def fails_once(id: str, symbol: str | None = None, params: Any = None) -> Order:
        del venue.fetch_order
        raise GARBLED

    venue.fetch_order = fails_once  # type: ignore[method-assign]
    assert await reconciler.sync() == []
    assert errors == [GARBLED]
    (difference,) = await reconciler.sync()
    assert difference.kind is Kind.FILLED
