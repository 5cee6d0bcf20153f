"""A leveraged position with its stop: open a long, protect it, close it some minutes later."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from itertools import cycle
from typing import Any

from failing_exchange.resilience.outcomes import RequestOutcome, outcome_of
from failing_exchange.resilience.retrying_placement import (
    new_client_order_id,
    place_order_with_retry,
)
from failing_exchange.runs.bots.careful import Patient, Temper, patiently
from failing_exchange.runs.bots.notebook import Notebook

CONTRACT = "BTC/USDT:USDT"
AMOUNT = 0.1  # contracts a position
LEVERAGE = 5
BELOW = 0.02  # of the entry price, between it and the stop
HOLD_ROUNDS = 4  # looks at a position before it is closed
PAUSE = 45.0  # seconds between two looks
NAKED_MAX = 60.0  # seconds to the next try while a position has no stop
STEP = 0.001  # contracts
TRADES_READ = 100  # newest, at each look
OTHER = {"buy": "sell", "sell": "buy"}
NO_CHANGE = "NoChangeError"
FINAL = ("NotSupportedError", "NotSupported")  # no later try can help


def is_named(error: Exception, *names: str) -> bool:
    """Whether an error is of one of some classes, ours or ccxt's."""
    return any(cls.__name__ in names for cls in type(error).__mro__)


def is_stop(order: Any) -> bool:
    """Whether an order waits for a price."""
    return order["triggerPrice"] is not None


async def naive(exchange: Any, notebook: Notebook) -> None:
    """Sets its leverage and hopes, believes each answer, and closes by as much as it bought."""
    settings = ((exchange.set_margin_mode, "isolated"), (exchange.set_leverage, LEVERAGE))
    await trade_naively(exchange, notebook, settings, ("buy",))


async def trade_naively(
    exchange: Any,
    notebook: Notebook,
    settings: Iterable[tuple[Any, Any]],
    sides: Sequence[str],
    covered_within: float | None = None,
) -> None:
    """Ask once for each of `settings`, then open positions of the `sides` in turn."""
    for change, value in settings:
        try:
            await change(value, CONTRACT)
        except Exception:
            await asyncio.sleep(1)
    for side in cycle(sides):
        try:
            with notebook.intend(side, AMOUNT, covered_within=covered_within, symbol=CONTRACT):
                entry = await exchange.create_order(CONTRACT, "market", side, AMOUNT)
            notebook.book(entry)
            level = {"stopLossPrice": round(stop_level(side, entry["average"]), 1)}
            stop = await exchange.create_order(CONTRACT, "market", OTHER[side], AMOUNT, None, level)
            await asyncio.sleep(HOLD_ROUNDS * PAUSE)
            await exchange.cancel_order(stop["id"], CONTRACT, {"trigger": True})
            with notebook.intend(OTHER[side], AMOUNT, symbol=CONTRACT):
                order = await exchange.create_order(CONTRACT, "market", OTHER[side], AMOUNT)
            notebook.book(order)
        except Exception:
            await asyncio.sleep(1)
        await asyncio.sleep(PAUSE)


def stop_level(side: str, price: float) -> float:
    """Where the stop of a position lies that was entered by a buy or a sale at a price."""
    return price * (1 - BELOW if side == "buy" else 1 + BELOW)


async def careful(exchange: Any, notebook: Notebook) -> None:
    """Trades only in the modes that it means, books what the venue traded, and never flips."""
    await Perpetual(exchange, notebook).run()


class Perpetual:
    """One position at a time, in steps to be overridden; each round begins with what is true."""

    survives: tuple[type[Exception], ...] = (Exception,)  # other errors end it
    exit_tries: int | None = None  # of an order that closes; None: the usual number ...
    entry_tries: int | None = None  # ... and of one that opens

    def __init__(self, exchange: Any, notebook: Notebook) -> None:
        self.exchange = exchange
        self.notebook = notebook
        self.client = Patient(exchange)
        self.temper = Temper(PAUSE)
        self.is_ready = False  # modes and leverage are as intended
        self.may_enter = True  # no final refusal says that a position can't be protected
        self.held = 0.0
        self.rounds = 0  # looks at the present position
        self.entry_price = 0.0
        self.stop: Any = None
        self.first_wallet: float | None = None  # USDT, without what was gained since

    async def run(self) -> None:
        """Round after round, until it is killed."""
        while True:
            try:
                if not self.is_ready:
                    await self.prepare()
                await self.round()
                self.temper.well()
            except self.survives as error:
                self.temper.note(error)
                await self.failed(error)
            await self.rest()

    async def rest(self) -> None:
        """Wait for the next round; not for long while a position has no stop."""
        await self.temper.rest(
            lambda: self.client.fetch_ticker(CONTRACT),
            most=NAKED_MAX if self.is_naked else 3_600.0,
        )

    @property
    def is_naked(self) -> bool:
        """Whether something is held without a stop, as far as it knows."""
        return abs(self.held) >= STEP / 2 and self.stop is None

    async def failed(self, error: Exception) -> None:
        """What is done about an error, beside a rest: no order can cure a wrong position mode."""
        if getattr(error, "reason", "") == "position_side":
            self.may_enter = False

    # ---- modes

    async def prepare(self) -> None:
        """Have modes and leverage as intended, and read back what stands."""
        await self.set_modes()
        position = await patiently(lambda: self.client.fetch_position(CONTRACT))
        if position["leverage"] != LEVERAGE or position["marginMode"] != "isolated":
            raise ValueError(f"leverage {position['leverage']}, {position['marginMode']}")
        self.is_ready = True

    async def set_modes(self) -> None:
        """Ask for each; that it is so already is as good."""
        await self.ask(self.client.fetch_balance)  # that the account can be reached
        await self.change(lambda: self.client.set_position_mode(False))
        await self.change(lambda: self.client.set_margin_mode("isolated", CONTRACT))
        await self.change(lambda: self.client.set_leverage(LEVERAGE, CONTRACT))

    async def change(self, call: Any) -> None:
        """One change of a setting."""
        try:
            await call()
        except Exception as error:
            if not is_named(error, NO_CHANGE):
                raise

    async def ask(self, call: Any, *args: Any) -> Any:
        """Read something, patiently."""
        return await patiently(lambda: call(*args))

    # ---- a round

    async def round(self) -> None:
        """Look, then do the next thing."""
        await self.look()
        if abs(self.held) < STEP / 2:
            await self.clear()
            if self.may_enter and self.notebook.holds(CONTRACT) == 0:
                await self.enter()
        elif self.rounds >= HOLD_ROUNDS or not self.may_enter:
            await self.leave()
        else:
            self.rounds += 1
            await self.protect()

    async def look(self) -> None:
        """Book what was traded, and read the position and its stop."""
        await self.book()
        await self.book_cash()
        positions = await self.ask(self.client.fetch_positions, [CONTRACT])
        self.held = self.size_of(positions)
        stops = [one for one in await self.open_orders() if is_stop(one)]
        self.stop = stops[0] if stops else None

    async def open_orders(self) -> list[Any]:
        """What rests in the book, and what waits for a price in a register of its own."""
        read = self.client.fetch_open_orders
        resting = await patiently(lambda: read(CONTRACT))
        waiting = await patiently(lambda: read(CONTRACT, params={"trigger": True}))
        return [*resting, *waiting]

    def size_of(self, positions: list[Any]) -> float:
        """The contracts held, below 0 for a short position; a contract that is listed twice is one.

        Legs of a hedged position would be added up: it trades in one-way mode only.
        """
        sides = {one["side"]: one["contracts"] for one in positions}
        return float(sides.get("long", 0.0) - sides.get("short", 0.0))

    async def book(self) -> None:
        """Book each trade of the account once, those of forced orders too."""
        trades = await self.ask(self.trades)
        for trade in trades:
            if trade["id"] not in self.notebook.booked:
                self.enter_trade(trade)

    async def book_cash(self) -> None:
        """Take the cash from the wallet: funding and fees of a liquidation are in no trade."""
        found = await self.ask(self.client.fetch_balance, {"type": "swap"})
        wallet = float(found["info"]["USDT"]["walletBalance"])
        if self.first_wallet is None:
            self.first_wallet = wallet - self.notebook.holds("USDT")
        self.notebook.believed["USDT"] = wallet - self.first_wallet
        self.book_equity(found)

    def book_equity(self, balance: Any) -> None:
        """Note its equity: what orders and positions lock is not a loss."""
        self.notebook.book_equity("USDT", float(balance["total"]["USDT"]))

    async def trades(self) -> Any:
        """The newest trades of the account."""
        return await self.client.fetch_my_trades(CONTRACT, limit=TRADES_READ)

    def enter_trade(self, trade: Any) -> None:
        """Book one trade."""
        self.notebook.booked[trade["id"]] = None
        self.notebook.book(
            {
                "symbol": trade["symbol"], "side": trade["side"], "filled": trade["amount"],
                "cost": trade["cost"], "fees": trade["fees"],
            }
        )  # fmt: skip
        amount = self.notebook.believed.get(CONTRACT, 0.0)
        self.notebook.believed[CONTRACT] = round(amount, 6) + 0.0  # sums of floats drift

    async def enter(self) -> None:
        """Open a position, and protect it at once."""
        self.rounds = 0
        with self.notebook.intend("buy", AMOUNT, symbol=CONTRACT):
            await self.send("market", "buy", AMOUNT)
        await self.look()
        if abs(self.held) >= STEP / 2:
            await self.protect()

    async def protect(self) -> None:
        """Have a stop that covers all that is held; where there can be none, leave."""
        if self.stop is not None and abs(self.stop["amount"] - abs(self.held)) < STEP / 2:
            return
        if self.stop is not None:
            await self.cancel(self.stop)
        try:
            self.stop = await self.place_stop()
        except Exception as error:
            if outcome_of(error) is not RequestOutcome.REJECTED:
                raise
            self.may_enter = self.may_enter and not is_named(error, *FINAL)
            await self.leave()
            self.has_left(error)

    def has_left(self, error: Exception) -> None:
        """What is done about a stop that was refused, once its position is closed."""

    async def place_stop(self) -> Any:
        """A stop below the entry price."""
        [position] = [
            one for one in await self.ask(self.client.fetch_positions, [CONTRACT])
            if one["side"] == "long"
        ][:1]  # fmt: skip
        level = float(
            self.exchange.price_to_precision(CONTRACT, position["entryPrice"] * (1 - BELOW))
        )
        return await self.send_exit(stopLossPrice=level, reduceOnly=True)

    async def send_exit(self, **params: Any) -> Any:
        """An order for all that is held, which waits for a price.

        One without an answer is not asked for: whether it stands the next look shows.
        """
        amount = float(self.exchange.amount_to_precision(CONTRACT, abs(self.held)))
        side = self.closing
        with self.notebook.intend(side, amount, symbol=CONTRACT):
            return await self.client.create_order(CONTRACT, "market", side, amount, None, params)

    @property
    def closing(self) -> str:
        """The side of an order that closes what is held."""
        return "buy" if self.held < 0 else "sell"

    async def leave(self) -> None:
        """Cancel what rests, and close what is held now."""
        await self.clear()
        await self.look()
        if abs(self.held) >= STEP / 2:
            await self.close(abs(self.held))
            await self.look()

    async def close(self, amount: float) -> None:
        """One order that can only reduce the position."""
        with self.notebook.intend(self.closing, amount, symbol=CONTRACT):
            await self.send("market", self.closing, amount, reduceOnly=True)

    async def clear(self) -> None:
        """Cancel all orders that are open."""
        for order in await self.open_orders():
            await self.cancel(order)
        self.stop = None

    async def cancel(self, order: Any) -> None:
        """Cancel an order; that it is gone is as good."""
        try:
            await self.client.cancel_order(order["id"], CONTRACT, {"trigger": is_stop(order)})
        except Exception as error:
            if outcome_of(error) is not RequestOutcome.ABSENT:
                raise

    async def send(self, kind: str, side: str, amount: float, **params: Any) -> Any:
        """One order, once; after an unknown outcome it is asked for by its name."""
        amount = float(self.exchange.amount_to_precision(CONTRACT, amount))
        params["clientOrderId"] = new_client_order_id()
        tries = self.exit_tries if params.get("reduceOnly") else self.entry_tries
        more = {} if tries is None else {"max_retries": tries}
        return await place_order_with_retry(
            self.client, CONTRACT, kind, side, amount, None, params=params, **more
        )
