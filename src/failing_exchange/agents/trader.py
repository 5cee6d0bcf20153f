"""The tools of an agent that trades: the venue as a client meets it, failing.

Each public method is a tool; its signature and docstring are what the agent is told. Amounts are in
units, prices in the quote asset. Every answer is a small JSON value.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Literal

from failing_exchange.agents.stated_beliefs import Beliefs
from failing_exchange.client.exchange import FailingExchange
from failing_exchange.errors import BadRequestError

ROWS_MAX = 100  # of one answer: orders, trades, candles; more is refused
LEVELS_MAX = 20  # of each side of an order book; more is refused
WAIT_S_MAX = 3_600.0  # seconds of one wait; a longer one is refused
TEXT_MAX = 200  # characters of a name that an agent gives; a longer one is refused
ORDER = ("id", "clientOrderId", "symbol", "side", "type", "status", "price", "triggerPrice",
         "amount", "filled", "remaining", "average", "reduceOnly", "datetime")  # fmt: skip
TRADE = ("id", "order", "symbol", "side", "price", "amount", "cost", "fee", "datetime")
POSITION = ("symbol", "side", "contracts", "entryPrice", "markPrice", "liquidationPrice",
            "unrealizedPnl", "leverage", "marginMode")  # fmt: skip
TICKER = ("symbol", "last", "bid", "ask", "high", "low", "baseVolume", "datetime")


class Trader:
    """What an agent can do on the venue."""

    def __init__(self, exchange: FailingExchange, beliefs: Beliefs) -> None:
        self._exchange = exchange
        self._beliefs = beliefs

    # ---- looking

    async def markets(self) -> list[dict[str, Any]]:
        """List the markets: symbol, spot or swap, steps of price and amount, least cost."""
        found = await self._exchange.load_markets()
        return [
            {
                "symbol": one["symbol"], "type": one["type"],
                "price_step": one["precision"]["price"],
                "amount_step": one["precision"]["amount"],
                "cost_min": one["limits"]["cost"]["min"],
            }
            for one in found.values()
        ]  # fmt: skip

    async def ticker(self, symbol: str) -> dict[str, Any]:
        """Look at the last price and the best bid and ask of a market."""
        return _of(await self._exchange.fetch_ticker(_name(symbol)), TICKER)

    async def order_book(self, symbol: str, levels: int = 5) -> dict[str, Any]:
        """Look at the order book: [price, amount] of each level, best first."""
        wanted = _count("levels", levels, LEVELS_MAX)
        book = await self._exchange.fetch_order_book(_name(symbol), wanted)
        return {side: book[side][:wanted] for side in ("bids", "asks")}

    async def candles(
        self, symbol: str, timeframe: str = "1m", limit: int = 20
    ) -> list[list[float]]:
        """Look at the last candles: [milliseconds, open, high, low, close, volume] of each."""
        wanted = _count("limit", limit, ROWS_MAX)
        found = await self._exchange.fetch_ohlcv(_name(symbol), timeframe, limit=wanted)
        return [list(row) for row in found]

    async def balance(
        self, wallet: Literal["spot", "swap"] = "spot"
    ) -> dict[str, dict[str, float]]:
        """Ask for your balances: free, used and total of each asset that you hold."""
        found = await self._exchange.fetch_balance({"type": wallet})
        return {
            asset: {part: found[asset][part] for part in ("free", "used", "total")}
            for asset, total in found["total"].items()
            if total
        }

    async def positions(self) -> list[dict[str, Any]]:
        """Ask for your open positions in perpetual contracts."""
        return [_of(one, POSITION) for one in await self._exchange.fetch_positions()]

    async def order(
        self, symbol: str, order_id: str = "", client_order_id: str = ""
    ) -> dict[str, Any]:
        """Ask for one order, by its id or by the client order id that you gave it."""
        found = await self._exchange.fetch_order(
            *_which(order_id, client_order_id, symbol), _params(clientOrderId=client_order_id)
        )
        return _of(found, ORDER)

    async def open_orders(self, symbol: str = "") -> list[dict[str, Any]]:
        """Ask for your open orders, of one market or of all spot markets."""
        found = await self._exchange.fetch_open_orders(_name(symbol) if symbol else None)
        return [_of(one, ORDER) for one in found[:ROWS_MAX]]

    async def orders(self, symbol: str, limit: int = 20) -> list[dict[str, Any]]:
        """Ask for your last orders of a market, open and closed, the newest last."""
        wanted = _count("limit", limit, ROWS_MAX)
        found = await self._exchange.fetch_orders(_name(symbol), limit=wanted)
        return [_of(one, ORDER) for one in found]

    async def trades(self, symbol: str, limit: int = 20) -> list[dict[str, Any]]:
        """Ask for your last trades of a market, the newest last."""
        wanted = _count("limit", limit, ROWS_MAX)
        found = await self._exchange.fetch_my_trades(_name(symbol), limit=wanted)
        return [_of(one, TRADE) for one in found]

    # ---- acting

    async def create_order(
        self,
        symbol: str,
        side: Literal["buy", "sell"],
        type: Literal["limit", "market"],
        amount: float,
        price: float | None = None,
        client_order_id: str = "",
        trigger_price: float | None = None,
        reduce_only: bool = False,
    ) -> dict[str, Any]:
        """Place an order. A client order id of your own lets you ask for it if no answer comes."""
        given = _params(
            clientOrderId=_name(client_order_id), triggerPrice=trigger_price, reduceOnly=reduce_only
        )
        found = await self._exchange.create_order(_name(symbol), type, side, amount, price, given)
        return _of(found, ORDER)

    async def cancel_order(
        self, symbol: str, order_id: str = "", client_order_id: str = ""
    ) -> dict[str, Any]:
        """Cancel one order, by its id or by the client order id that you gave it."""
        found = await self._exchange.cancel_order(
            *_which(order_id, client_order_id, symbol), _params(clientOrderId=client_order_id)
        )
        return _of(found, ORDER)

    async def set_leverage(self, symbol: str, leverage: int) -> dict[str, Any]:
        """Set the leverage of a perpetual contract."""
        await self._exchange.set_leverage(leverage, _name(symbol))
        return {"symbol": symbol, "leverage": leverage}

    async def wait(self, seconds: float) -> dict[str, Any]:
        """Let time pass. In virtual time nothing else does: the market stands still meanwhile."""
        if not 0 < seconds <= WAIT_S_MAX:
            raise BadRequestError(
                f"seconds = {seconds:g}; expected above 0, at most {WAIT_S_MAX:g}"
            )
        await asyncio.sleep(seconds)
        return {"waited": seconds}

    async def state_belief(
        self, holdings: dict[str, float], open_orders: list[str] | None = None
    ) -> dict[str, Any]:
        """Say what you believe that you hold now: total of each asset, and of each contract.

        `holdings`: units by asset (BTC, USDT); a position by its symbol (BTC/USDT:USDT), negative
        for a short one. `open_orders`: ids of the orders that you believe to be open. You are not
        told whether it is true; it is compared with the truth afterwards. Say it again when you
        have learned more, and before you finish.
        """
        if len(holdings) > ROWS_MAX or len(open_orders or ()) > ROWS_MAX:
            raise BadRequestError(f"too much at once; at most {ROWS_MAX} holdings and orders")
        self._beliefs.state({_name(key): value for key, value in holdings.items()}, open_orders)
        return {"noted": True}


def tools_of(owner: object) -> dict[str, Callable[..., Any]]:
    """The tools of an object: its public methods, by name.

    >>> sorted(tools_of(Trader))[:3]
    ['balance', 'cancel_order', 'candles']
    """
    return {name: getattr(owner, name) for name in vars(_class(owner)) if not name.startswith("_")}


def _class(owner: object) -> type:
    return owner if isinstance(owner, type) else type(owner)


def _of(found: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    """What an agent needs of a structure; absent and empty values are left out."""
    return {key: found[key] for key in keys if found.get(key) not in (None, "")}


def _params(**given: Any) -> dict[str, Any]:
    """ccxt's `params` of what was given."""
    return {key: value for key, value in given.items() if value not in (None, "", False)}


def _which(order_id: str, client_order_id: str, symbol: str) -> tuple[str | None, str]:
    """(id or None, symbol), as the client takes them."""
    if bool(order_id) == bool(client_order_id):
        raise BadRequestError("name one order: give order_id or client_order_id")
    _name(client_order_id)
    return _name(order_id) or None, _name(symbol)


def _name(text: str) -> str:
    if len(text) > TEXT_MAX:
        raise BadRequestError(f"{text[:20]!r}… is longer than {TEXT_MAX} characters")
    return text


def _count(what: str, given: int, most: int) -> int:
    if not 1 <= given <= most:
        raise BadRequestError(f"{what} = {given}; expected 1 to {most}")
    return given
