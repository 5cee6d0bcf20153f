"""The careful bot in steps, and its parts: a client that waits, books that count once, prices."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from failing_exchange.resilience.outcomes import RequestOutcome, outcome_of, wait_for
from failing_exchange.resilience.retrying_placement import (
    new_client_order_id,
    place_order_with_retry,
)
from failing_exchange.runs.bots.notebook import BASE, SYMBOL, Notebook, PlannedOrder

AMOUNT = 0.1  # BTC an order
MARGIN = 1.001  # how far beyond the best price a limit lies that is to trade at once
PAUSE = 60.0  # seconds between intents
PAUSE_MAX = 3_600.0  # after refusals in a row; then once an hour
LOOK_S = 240.0  # seconds between two looks at the venue in a long rest
ENDED = ("closed", "canceled", "expired", "rejected", "expired_in_match")  # statuses
SETTLE_POLLS_MAX = 30  # looks at an order that does not end; then it is canceled
CANCEL_EVERY = 8  # looks between two cancels of an order that does not end
READ_ATTEMPTS_MAX = 8  # tries of a call that only reads; then this round is left out
ORDERS_LOOKED_AT = 50  # latest orders, when the books are reconciled
NAMES_KEPT_MAX = 200  # orders the bot still knows of; older ones have long ended
FRESH_S = 10.0  # how old a price may be
HOPELESS = ("AuthenticationError", "PermissionDenied", "NotSupported", "BadSymbol")
CLOCK_ERRORS = ("ClockSkewError", "InvalidNonce")


class Patient:
    """A client that sends nothing before the venue's time is over, and asks for the time.

    All calls go through it, so that what one of them was told holds for all.
    """

    def __init__(self, exchange: Any) -> None:
        self._exchange = exchange
        self._until = 0.0  # loop time
        self._rules_are_old = False
        self.max_retries = 1  # a price gets old: who tries again looks again first

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._exchange, name)
        if not name.startswith(("fetch_", "create_", "cancel_", "load_", "set_")):
            return found

        async def call(*args: Any, **kwargs: Any) -> Any:
            await asyncio.sleep(max(0.0, self._until - asyncio.get_running_loop().time()))
            try:
                if self._rules_are_old and name.startswith("fetch_"):
                    self._rules_are_old = False
                    await self._exchange.load_markets(True)
                return await found(*args, **kwargs)
            except Exception as error:
                if name.startswith("create_") and outcome_of(error) is RequestOutcome.REJECTED:
                    self._rules_are_old = True  # they may have changed
                await self._heed(error)
                raise

        return call

    async def _heed(self, error: Exception) -> None:
        if outcome_of(error) is RequestOutcome.REFUSED:
            until = asyncio.get_running_loop().time() + wait_for(error)
            self._until = max(self._until, until)
        if any(cls.__name__ in CLOCK_ERRORS for cls in type(error).__mro__):
            await patiently(self._exchange.fetch_time)  # the clock is set by the venue's


class Temper:
    """How long a bot rests: longer after each refusal that no repetition can cure."""

    def __init__(self, pause: float = PAUSE) -> None:
        self._pause = pause
        self._refusals = 0
        self._is_hopeless = False

    def well(self) -> None:
        """Note a success: the next pause is the usual one."""
        self._refusals, self._is_hopeless = 0, False

    def note(self, error: Exception) -> None:
        """Note an error: the next pause is longer."""
        if outcome_of(error) in (RequestOutcome.REJECTED, RequestOutcome.ABSENT):
            self._refusals += 1
        names = {cls.__name__ for cls in type(error).__mro__}
        self._is_hopeless = not names.isdisjoint(HOPELESS)

    async def rest(self, look: Callable[[], Awaitable[Any]], *, most: float = PAUSE_MAX) -> None:
        """Until the next try; in a long rest, `look` now and then whether the venue is there."""
        left = min(most, self._pause * 2.0 ** min(self._refusals, 10))
        while left > LOOK_S and not self._is_hopeless:
            await asyncio.sleep(LOOK_S)
            left -= LOOK_S
            try:
                await look()
            except Exception as error:
                self.note(error)
        await asyncio.sleep(left)


class Books:
    """Each order that carries one of the bot's names is booked once, however it came about."""

    def __init__(self, exchange: Any, notebook: Notebook) -> None:
        self._exchange = exchange
        self._notebook = notebook
        self._names, self._booked = notebook.names, notebook.booked

    def expect(self, client_order_id: str, intent: PlannedOrder) -> None:
        """An order of this name may appear."""
        self._names[client_order_id] = intent
        if len(self._names) > NAMES_KEPT_MAX:
            del self._names[next(iter(self._names))]

    def enter(self, order: dict[str, Any]) -> None:
        """Book an order that has ended, unless it was booked before."""
        intent = self._names.get(order["clientOrderId"])
        if intent is not None and order["id"] not in self._booked:
            self._booked[order["id"]] = None
            if len(self._booked) > NAMES_KEPT_MAX:
                del self._booked[next(iter(self._booked))]
            market = self._exchange.market(order["symbol"])
            self._notebook.book(order, contract_size=market["contractSize"] or 1.0)
            intent.done = True

    async def reconcile(self, *, stops_stand: bool = False) -> None:
        """Look through the venue's latest orders for any of ours; raises what the venue raises.

        Those that are open are waited for, and canceled in the end; not stops, where they stand.
        """
        orders = await patiently(
            lambda: self._exchange.fetch_orders(SYMBOL, limit=ORDERS_LOOKED_AT)
        )
        for order in orders:
            stands = stops_stand and order["triggerPrice"] and order["status"] == "open"
            known = order["id"] in self._booked or order["clientOrderId"] not in self._names
            if not known and not stands:
                self.enter(await settle(self._exchange, order))

    async def place(
        self, intent: PlannedOrder, side: str, amount: float, price: float | None, **more: Any
    ) -> dict[str, Any]:
        """One order for an intent, once; what became of it shows in the books."""
        client_order_id = new_client_order_id()
        self.expect(client_order_id, intent)
        params = {"clientOrderId": client_order_id, **more}
        kind = "limit" if price is not None else "market"
        amount = float(self._exchange.amount_to_precision(SYMBOL, amount))
        if price is not None:
            price = float(self._exchange.price_to_precision(SYMBOL, price))
        if "stopLossPrice" in params:
            stop = self._exchange.price_to_precision(SYMBOL, params["stopLossPrice"])
            params["stopLossPrice"] = float(stop)
        return await place_order_with_retry(
            self._exchange, SYMBOL, kind, side, amount, price, params=params
        )


async def quote(exchange: Any) -> tuple[float, float]:
    """The best bid and ask, from a ticker that makes sense and is fresh."""
    for attempt in range(READ_ATTEMPTS_MAX):
        ticker = await patiently(lambda: exchange.fetch_ticker(SYMBOL))
        if is_sound(exchange, ticker):
            return ticker["bid"], ticker["ask"]
        await asyncio.sleep(2.0**attempt)
    raise TimeoutError("no believable price")


def is_sound(exchange: Any, ticker: dict[str, Any]) -> bool:
    """Whether the prices of a ticker are there, in order, and not old."""
    bid, ask, at = ticker.get("bid"), ticker.get("ask"), ticker.get("timestamp")
    if not bid or not ask or not at or not 0 < bid < ask:
        return False
    return bool(exchange.milliseconds() - at <= FRESH_S * 1_000)


async def limit_price(exchange: Any, side: str) -> float:
    """A limit a little beyond the best price, so that it trades at once."""
    return crossing(side, *await quote(exchange))


def crossing(side: str, bid: float, ask: float) -> float:
    """A limit a little beyond the best price."""
    return float(ask * MARGIN if side == "buy" else bid / MARGIN)


async def settle(exchange: Any, order: dict[str, Any], *, polls: int = SETTLE_POLLS_MAX) -> Any:
    """Wait until an order has ended; cancel what does not; the order as it ended.

    That it ended without being filled has to be said twice: it might still trade.
    """
    before = False
    for poll in range(polls + SETTLE_POLLS_MAX):
        found = await patiently(lambda: _seen(exchange, order))
        ended = _has_ended(found)
        if ended and (before or found["status"] == "closed"):
            return dict(found)
        before = ended
        if poll >= polls and (poll - polls) % CANCEL_EVERY == 0:
            await cancel(exchange, found)
        await asyncio.sleep(2)
    raise TimeoutError(f"order {order['id']} does not end")


async def _seen(exchange: Any, order: dict[str, Any]) -> Any:
    """An order by its id; where there is none, by its name: the id may have been a mistake."""
    try:
        return await exchange.fetch_order(order["id"], order["symbol"])
    except Exception as error:
        name = order.get("clientOrderId")
        if outcome_of(error) is not RequestOutcome.ABSENT or not name:
            raise
        return await exchange.fetch_order(None, order["symbol"], {"clientOrderId": name})


def _has_ended(order: dict[str, Any]) -> bool:
    """Whether an order has ended and its numbers make sense; an unknown status does not count."""
    status, filled, amount = order.get("status"), order.get("filled"), order.get("amount")
    if status not in ENDED or filled is None or amount is None:
        return False
    whole: bool = filled >= amount
    return whole is (status == "closed")


async def cancel(exchange: Any, order: dict[str, Any]) -> None:
    """Cancel; that it has ended meanwhile is as good."""
    try:
        await exchange.cancel_order(order["id"], order["symbol"])
    except Exception as error:
        if outcome_of(error) is RequestOutcome.FOREIGN:
            raise
        # otherwise the next look at the order says what is true


async def patiently(call: Callable[[], Awaitable[Any]]) -> Any:
    """A call that only reads, again and again until it works, as patiently as the venue asks.

    A last word is raised at once: asking again changes nothing.
    """
    for attempt in range(READ_ATTEMPTS_MAX):
        try:
            answer = await call()
            if isinstance(answer, (dict, list, int)):
                return answer
        except Exception as error:
            if attempt == READ_ATTEMPTS_MAX - 1 or outcome_of(error) in LAST_WORDS:
                raise
            wait = wait_for(error) if outcome_of(error) is RequestOutcome.REFUSED else 0.0
            await asyncio.sleep(max(wait, 2.0**attempt))
            continue
        await asyncio.sleep(2.0**attempt)
    raise ValueError("no readable answer")


LAST_WORDS = (RequestOutcome.REJECTED, RequestOutcome.FOREIGN)


class MinuteBot:
    """Buys a fixed amount, and a minute later sells what it holds, in steps to be overridden."""

    pause = PAUSE
    survives: tuple[type[Exception], ...] = (Exception,)  # other errors end it

    def __init__(self, exchange: Any, notebook: Notebook) -> None:
        self.exchange = exchange
        self.notebook = notebook
        self.client = Patient(exchange)
        self.temper = Temper(self.pause)
        self.books = Books(self.client, notebook)

    async def run(self) -> None:
        """Round after round, until it is killed."""
        await self.begin()
        while True:
            try:
                await self.round()
                self.temper.well()
            except self.survives as error:  # the next round reconciles before it trades
                self.temper.note(error)
                await self.failed(error)
            await self.rest()

    async def begin(self) -> None:
        """What is done once."""

    async def failed(self, error: Exception) -> None:
        """What is done about an error, beside a rest."""

    async def rest(self) -> None:
        """Wait for the next round."""
        await self.temper.rest(lambda: self.client.fetch_ticker(SYMBOL))

    async def round(self) -> None:
        """Catch up, and trade once."""
        await self.catch_up()
        side, amount = await self.wanted()
        price = await self.price(side)
        with self.notebook.intend(side, amount) as intent:
            await self.trade(intent, side, amount, price)

    async def catch_up(self) -> None:
        """Book what was missed."""
        await self.books.reconcile()

    async def wanted(self) -> tuple[str, float]:
        """The side and the amount of the next order."""
        held = self.notebook.holds(BASE)
        return ("sell", held) if held >= AMOUNT / 2 else ("buy", AMOUNT)

    async def price(self, side: str) -> float:
        """A limit at which it trades at once."""
        return await limit_price(self.client, side)

    async def trade(self, intent: PlannedOrder, side: str, amount: float, price: float) -> None:
        """Place an order, and book what it did."""
        placed = await self.place(intent, side, amount, price)
        await self.follow(intent, placed)

    async def place(self, intent: PlannedOrder, side: str, amount: float, price: float) -> Any:
        """Send one order; what the venue says of it."""
        return await self.books.place(intent, side, amount, price)

    async def follow(self, intent: PlannedOrder, placed: Any) -> None:
        """Wait until an order has ended, and book it."""
        self.books.enter(await settle(self.client, placed))
