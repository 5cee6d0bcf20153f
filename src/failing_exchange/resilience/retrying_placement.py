"""Place an order exactly once, through lost requests, lost answers and refusals."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn
from uuid import uuid4

from failing_exchange.errors import ConfigurationError
from failing_exchange.resilience.outcomes import (
    Exchange,
    Order,
    RequestOutcome,
    log,
    outcome_of,
    readable,
    wait_for,
)

SENDS_MAX = 3  # when neither the caller nor the exchange says (`max_retries`)
HORIZON = 20.0  # seconds; before that, "not found" may be lag (freqtrade#3649: 20 s and more)
PATIENCE = 3_600.0  # seconds; the longest single wait that a refusal may ask for
LOOKUP_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)  # seconds between two lookups; the last one stays
LOOKUPS_MAX = 40  # then the outcome stays unknown, and the error that left it so is raised
SECOND_LOOKS = ("fetch_open_orders", "fetch_closed_orders")  # other views, with lags of their own


async def place_order_with_retry(
    exchange: Exchange,
    symbol: str = "BTC/USDT",
    type: str = "limit",
    side: str = "buy",
    amount: float = 0.01,
    price: float | None = 50_000,
    *,
    params: Mapping[str, Any] | None = None,
    max_retries: int | None = None,
    horizon: float = HORIZON,
    patience: float = PATIENCE,
) -> Order:
    """Place one order, once, through lost answers, rate limits and maintenance.

    Every request carries the same client order id (`params["clientOrderId"]`, or a new one). When
    an outcome is unknown, the order is looked up by that id, for `horizon` seconds, before it is
    sent again. Refusals are waited out as long as they ask, up to `patience` seconds each.

    Sends at most `max_retries` times (default: the exchange's `max_retries`, or 3). Then the last
    error is raised, as is a rejection at once. An error with the note "outcome unknown" means that
    not even looking it up worked. Market orders ignore `price`.

    `horizon` and `patience` are seconds. Raises ConfigurationError for `max_retries` below 0.

    >>> from failing_exchange import FailingExchange, simulate
    >>> async def main():
    ...     exchange = FailingExchange()
    ...     exchange.arm("lose_answer", "nth(1)", operations=("create_order",))
    ...     await place_order_with_retry(exchange, amount=0.1, price=40_000)
    ...     return len(await exchange.fetch_open_orders("BTC/USDT"))
    >>> simulate(main())  # the answer was lost, the order was not: it is not sent again
    1
    """
    request = {"symbol": symbol, "type": type, "side": side, "amount": amount, "price": price}
    placement = Placement(
        exchange,
        request | {"params": params or {}},
        max_retries=max_retries,
        horizon=horizon,
        patience=patience,
    )
    return await placement.place()


async def robust_order_placement(exchange: Exchange, **kwargs: Any) -> Order:
    """Place the order that `exchange.create_order(**kwargs)` would, once; errors as there.

    Unlike the well-known recipe of this name, it neither repeats a request whose outcome is unknown
    nor changes the price of a rejected order.

    >>> from failing_exchange import FailingExchange, simulate
    >>> async def main():
    ...     exchange = FailingExchange()
    ...     exchange.arm("lose_answer", "nth(1)", operations=("create_order",))
    ...     await robust_order_placement(
    ...         exchange, symbol="BTC/USDT", type="limit", side="buy", amount=0.1, price=40_000
    ...     )
    ...     return len(await exchange.fetch_open_orders("BTC/USDT"))
    >>> simulate(main())  # the answer was lost, the order was not: it is not sent again
    1
    """
    return await Placement(exchange, kwargs).place()


def new_client_order_id() -> str:
    """Make a unique client order id: 32 hex digits (seeded within a simulation).

    >>> len(new_client_order_id())
    32
    """
    return uuid4().hex


@dataclass(slots=True)
class _Doubt:
    """An order was sent, and its outcome is unknown."""

    error: Exception
    until: float  # loop time; from then on "not found" is believed
    exists: bool = False  # the venue said that the id is taken: never send again
    looked: int = 0


class _NotYet(Exception):
    """Not found, but it is too early to believe it."""


class Placement:
    """One intent to place an order; call `place` again after an error to continue.

    `request` holds the arguments of `create_order`. `client_order_id` is the same in each request:
    from `params`, from `id`, or made by `new_id`.

    Raises ConfigurationError for `max_retries` below 0.

    >>> from failing_exchange import FailingExchange
    >>> Placement(FailingExchange(), {"symbol": "BTC/USDT", "id": "a1"}).client_order_id
    'a1'
    """

    def __init__(
        self,
        exchange: Exchange,
        request: Mapping[str, Any],
        *,
        max_retries: int | None = None,
        horizon: float = HORIZON,
        patience: float = PATIENCE,
        new_id: Callable[[], str] = new_client_order_id,
    ) -> None:
        self.exchange = exchange
        self.request = dict(request)
        params = dict(self.request.get("params") or {})
        named = self.request.pop("id", None)
        self.client_order_id = str(params.get("clientOrderId") or named or new_id())
        self.request["params"] = params | {"clientOrderId": self.client_order_id}
        if "market" in str(self.request.get("type", "")):
            self.request.pop("price", None)
        self.horizon = horizon
        self.patience = patience
        self._sends_max = _sends_max(exchange, max_retries)
        self._sends = 0
        self._doubt: _Doubt | None = None

    @property
    def in_doubt(self) -> bool:
        """Whether a request was sent whose outcome is unknown."""
        return self._doubt is not None

    async def place(self) -> Order:
        """The order, found or newly placed. Raises as `place_order_with_retry` does."""
        self._sends = 0
        if self._doubt is not None:
            self._doubt.looked = 0
        while True:
            try:
                return await self._step()
            except Exception as error:
                pause = self._pause(error)
                if pause is None:
                    self._give_up(error)
                log.warning("Order %s: %r", self.client_order_id, error)
            await asyncio.sleep(pause)

    def _give_up(self, error: Exception) -> NoReturn:
        """Raise the error; in doubt, the one that left the outcome unknown, with a note."""
        if self._doubt is None:
            raise error
        doubtful = self._doubt.error
        doubtful.add_note(
            f"outcome unknown: look client order id {self.client_order_id} up before sending the "
            "order again"
        )
        if error is doubtful:
            raise error
        raise doubtful from error

    async def _step(self) -> Order:
        """Look once, or send once."""
        if self._doubt is not None:
            found = await self._look(self._doubt)
            if found is not None:
                self._doubt = None
                return found
        return await self._send()

    async def _send(self) -> Order:
        """One request; an unknown outcome leaves a doubt."""
        self._sends += 1
        try:
            return readable(await self.exchange.create_order(**self.request))
        except Exception as error:
            outcome = outcome_of(error)
            if outcome in (RequestOutcome.UNKNOWN, RequestOutcome.EXISTS):
                until = asyncio.get_running_loop().time() + self.horizon
                self._doubt = _Doubt(error, until, exists=outcome is RequestOutcome.EXISTS)
            raise

    async def _look(self, doubt: _Doubt) -> Order | None:
        """The order if it is there; None when it may be sent again; _NotYet while it is early."""
        doubt.looked += 1
        last = asyncio.get_running_loop().time() >= doubt.until
        found = await find_order(self.exchange, self.request, self.client_order_id, thorough=last)
        if found is not None:
            return found
        if not last:
            raise _NotYet
        self._doubt = None
        if doubt.exists or self._sends >= self._sends_max:
            raise doubt.error
        return None

    def _pause(self, error: Exception) -> float | None:
        """Seconds until the next step after an error; None when there is none to come."""
        doubt, outcome = self._doubt, outcome_of(error)
        if outcome is RequestOutcome.REFUSED:
            wait = wait_for(error)
            left = self._sends < self._sends_max if doubt is None else doubt.looked < LOOKUPS_MAX
            return wait if left and wait <= self.patience else None
        unknown = isinstance(error, _NotYet) or outcome in (
            RequestOutcome.UNKNOWN,
            RequestOutcome.EXISTS,
        )
        if not unknown or doubt is None or doubt.looked >= LOOKUPS_MAX:
            return None
        pause = LOOKUP_PAUSES[min(doubt.looked, len(LOOKUP_PAUSES) - 1)]
        until = doubt.until - asyncio.get_running_loop().time()
        return min(pause, until) if until > 0 else pause


async def find_order(
    exchange: Exchange, request: Mapping[str, Any], client_order_id: str, *, thorough: bool = True
) -> Order | None:
    """The order of that client order id, or None when the venue shows none (yet).

    Asks for it by id; with `thorough`, or where a venue cannot be asked so, it also reads the lists
    of open and closed orders. Raises what the venue raises, but for "not found" and "not possible".

    >>> from failing_exchange import FailingExchange, simulate
    >>> simulate(find_order(FailingExchange(), {"symbol": "BTC/USDT"}, "a1")) is None
    True
    """
    symbol = request.get("symbol")
    try:
        answer = await exchange.fetch_order("", symbol, {"clientOrderId": client_order_id})
        order = readable(answer)
        if _matches(order, request) and order.get("clientOrderId") in (client_order_id, None):
            return order
    except Exception as error:
        outcome = outcome_of(error)
        if outcome not in (RequestOutcome.ABSENT, RequestOutcome.REJECTED):
            raise
        thorough = thorough or outcome is RequestOutcome.REJECTED
    return await _listed(exchange, request, client_order_id) if thorough else None


async def _listed(
    exchange: Exchange, request: Mapping[str, Any], client_order_id: str
) -> Order | None:
    """The order from the venue's lists, or None."""
    for name in SECOND_LOOKS:
        fetch = getattr(exchange, name, None)
        if fetch is None:
            continue
        try:
            orders = await fetch(request.get("symbol"))
        except Exception as error:
            if type(error).__name__ in ("NotSupported", "NotSupportedError"):
                continue
            raise
        for order in orders:
            if order.get("clientOrderId") == client_order_id and _matches(order, request):
                return readable(order)
    return None


def _matches(order: Order, request: Mapping[str, Any]) -> bool:
    """Whether an order can be the requested one: its id may have been used before."""
    return all(order.get(name) in (None, request.get(name)) for name in ("symbol", "side"))


def _sends_max(exchange: Exchange, asked: int | None) -> int:
    """How often to send: what the caller says, else the exchange, else the default; once at least.

    An exchange of another kind may have something else under that name.
    """
    if asked is None:
        asked = getattr(exchange, "max_retries", None)
        asked = asked if isinstance(asked, int) and asked >= 0 else SENDS_MAX
    if asked < 0:
        raise ConfigurationError(
            f"max_retries is {asked!r}; expected how often to send at most, 0 or 1 for once"
        )
    return max(1, asked)
