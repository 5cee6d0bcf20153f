"""Two bots with one strategy: the one that people write first, and a careful one.

Each minute they mean to trade: buy a fixed amount, a minute later sell what they hold. They write
down what they mean and what they believe, so that a run can be judged against the first column.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from failing_exchange.conduct.intents import intend

SYMBOL = "BTC/USDT"
AMOUNT = 0.1  # BTC an order
PAUSE = 60.0  # seconds between intents
MARGIN = 1.001  # how far beyond the best price the limit lies, so that it trades at once
NAIVE_ATTEMPTS = 3
SETTLE_POLLS_MAX = 30  # looks at an order that does not end; then it is canceled
READ_ATTEMPTS_MAX = 8  # tries of a call that only reads; then this minute is left out
ORDERS_LOOKED_AT = 50  # latest orders, when the books are reconciled
NAMES_KEPT_MAX = 200  # orders the bot still knows of; older ones have long ended
INTENTS_KEPT_MAX = 1_000_000  # a run ends before; one more is an error


@dataclass(slots=True)
class Intent:
    """One order that a bot means to have: `done` is what it believes. Instants in nanoseconds."""

    number: int
    side: str
    amount: float
    began_at: int
    ended_at: int | None = None
    done: bool = False


@dataclass(slots=True)
class Notebook:
    """What a bot means and believes. `believed` holds its changes of balance by asset.

    `now` tells the instant of an intent, in nanoseconds; a run sets it to the venue's clock.
    """

    intents: list[Intent] = field(default_factory=list)
    believed: dict[str, float] = field(default_factory=dict)
    now: Callable[[], int] = lambda: int(asyncio.get_running_loop().time() * 1e9)

    @contextmanager
    def intend(self, side: str, amount: float) -> Iterator[Intent]:
        """Note that one order is meant, until the block ends."""
        if len(self.intents) >= INTENTS_KEPT_MAX:
            raise RuntimeError(f"a run has at most {INTENTS_KEPT_MAX} intents")
        intent = Intent(len(self.intents) + 1, side, amount, self.now())
        self.intents.append(intent)
        try:
            with intend(SYMBOL, side, amount):
                yield intent
        finally:
            intent.ended_at = self.now()

    def book(self, order: dict[str, Any]) -> None:
        """Book what an order is said to have traded, and its fees."""
        base, quote = order["symbol"].split("/")
        sign = 1 if order["side"] == "buy" else -1
        self._add(base, sign * (order["filled"] or 0.0))
        self._add(quote, -sign * (order["cost"] or 0.0))
        for fee in order["fees"]:
            self._add(fee["currency"], -fee["cost"])

    def holds(self, asset: str) -> float:
        """What the bot believes to have gained of an asset."""
        return self.believed.get(asset, 0.0)

    def _add(self, asset: str, amount: float) -> None:
        self.believed[asset] = self.believed.get(asset, 0.0) + amount


async def naive(exchange: Any, notebook: Notebook) -> None:
    """Sends again when something goes wrong, believes each answer, and never looks back."""
    while True:
        side = "sell" if notebook.holds("BTC") >= AMOUNT / 2 else "buy"
        with notebook.intend(side, AMOUNT) as intent:
            for _ in range(NAIVE_ATTEMPTS):
                try:
                    ticker = await exchange.fetch_ticker(SYMBOL)
                    price = ticker["ask"] * MARGIN if side == "buy" else ticker["bid"] / MARGIN
                    order = await exchange.create_order(SYMBOL, "limit", side, AMOUNT, price)
                    notebook.book(order)
                    intent.done = True
                    break
                except Exception:
                    await asyncio.sleep(1)
        await asyncio.sleep(PAUSE)


async def careful(exchange: Any, notebook: Notebook) -> None:
    """Names each order, asks before it sends again, and books what was really traded, once."""
    from failing_exchange.resilience.placing import new_client_order_id, place_order_with_retry

    books = _Books(exchange, notebook)
    while True:
        await books.reconcile()
        held = notebook.holds("BTC")
        side, amount = ("sell", held) if held >= AMOUNT / 2 else ("buy", AMOUNT)
        client_order_id = new_client_order_id()
        with notebook.intend(side, amount) as intent:
            books.expect(client_order_id, intent)
            try:
                price = await _price(exchange, side)
                placed = await place_order_with_retry(
                    exchange, SYMBOL, "limit", side, amount, price,
                    params={"clientOrderId": client_order_id},
                )  # fmt: skip
                books.enter(await _settle(exchange, placed))
            except Exception:  # what became of the order shows when the books are reconciled
                await asyncio.sleep(1)
        await asyncio.sleep(PAUSE)


class _Books:
    """Each order that carries one of the bot's names is booked once, however it came about."""

    def __init__(self, exchange: Any, notebook: Notebook) -> None:
        self._exchange = exchange
        self._notebook = notebook
        self._names: dict[str, Intent] = {}
        self._booked: dict[str, None] = {}

    def expect(self, client_order_id: str, intent: Intent) -> None:
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
            self._notebook.book(order)
            intent.done = True

    async def reconcile(self) -> None:
        """Look through the venue's latest orders for any of ours; the next minute looks again."""
        try:
            orders = await _patiently(
                lambda: self._exchange.fetch_orders(SYMBOL, limit=ORDERS_LOOKED_AT)
            )
            for order in orders:
                if order["clientOrderId"] in self._names and order["id"] not in self._booked:
                    self.enter(await _settle(self._exchange, order))
        except Exception:  # the venue does not answer: nothing is booked, nothing is lost
            await asyncio.sleep(1)


async def _price(exchange: Any, side: str) -> float:
    """A limit a little beyond the best price, from a ticker that makes sense."""
    for attempt in range(READ_ATTEMPTS_MAX):
        ticker = await _patiently(lambda: exchange.fetch_ticker(SYMBOL))
        bid, ask = ticker.get("bid"), ticker.get("ask")
        if bid and ask and 0 < bid < ask:
            return float(ask * MARGIN if side == "buy" else bid / MARGIN)
        await asyncio.sleep(2.0**attempt)
    raise ValueError("no believable price")


async def _settle(exchange: Any, order: dict[str, Any]) -> dict[str, Any]:
    """Wait until an order has ended; cancel what does not; the order as it ended."""
    for poll in range(SETTLE_POLLS_MAX * 2):
        found = await _patiently(lambda: exchange.fetch_order(order["id"], order["symbol"]))
        if found.get("status") not in ("open", None) and found.get("filled") is not None:
            return dict(found)
        if poll >= SETTLE_POLLS_MAX:
            await _cancel(exchange, order)
        await asyncio.sleep(2)
    raise TimeoutError(f"order {order['id']} does not end")


async def _cancel(exchange: Any, order: dict[str, Any]) -> None:
    """Cancel; that it has ended meanwhile is as good."""
    from failing_exchange.errors import FailingExchangeError

    try:
        await exchange.cancel_order(order["id"], order["symbol"])
    except FailingExchangeError:
        return  # the next look at the order says what is true


async def _patiently(call: Callable[[], Awaitable[Any]]) -> Any:
    """A call that only reads, again and again until it works, as patiently as the venue asks."""
    from failing_exchange.resilience.outcomes import wait_for

    for attempt in range(READ_ATTEMPTS_MAX):
        try:
            answer = await call()
            if isinstance(answer, (dict, list)):
                return answer
        except Exception as error:
            if attempt == READ_ATTEMPTS_MAX - 1:
                raise
            await asyncio.sleep(max(wait_for(error), 2.0**attempt))
            continue
        await asyncio.sleep(2.0**attempt)
    raise ValueError("no readable answer")


BOTS = {"naive": naive, "careful": careful}
