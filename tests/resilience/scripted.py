"""A venue of a few lines that does what its script says, and tests in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from failing_exchange.errors import (
    ConnectionLostError,
    DuplicateOrderError,
    ExchangeUnavailableError,
    MalformedResponseError,
    OrderNotFoundError,
    RequestTimeoutError,
)
from failing_exchange.resilience import (
    Order,
)
from failing_exchange.simulation import simulate


def in_virtual_time(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run an async test by `simulate`: its waiting costs nothing."""

    @wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        simulate(lambda: test(*args, **kwargs))

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
