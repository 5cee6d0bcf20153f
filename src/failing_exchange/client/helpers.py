"""ccxt's local helpers: markets, precision, times. None of them asks the venue."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from failing_exchange.client.arguments import check_timeout
from failing_exchange.client.call_params import NONE, Params, own
from failing_exchange.client.request import LocalClient
from failing_exchange.client.unified_api import NOT_SUPPORTED, camel
from failing_exchange.core.units import ATOMS, DAY_S, HOUR_S, MILLISECOND, PPM, WEEK_S, atoms_text
from failing_exchange.errors import BadRequestError, InvalidOrderError, SymbolNotFoundError
from failing_exchange.text.number_checks import is_number
from failing_exchange.text.spelling import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable

    from failing_exchange.core.market import Market
    from failing_exchange.venue.venue import RunningVenue

LAST_MILLISECOND = 253_402_300_800_000  # the end of the year 9999
SECONDS_OF = {"s": 1, "m": 60, "h": HOUR_S, "d": DAY_S, "w": WEEK_S, "M": 2_592_000,
              "y": 31_536_000}  # fmt: skip
TICK_SIZE = 4  # ccxt's name for "precision holds steps"


class Has(dict[str, bool]):
    """ccxt has some 240 names of calls: those that we know nothing of are not there."""

    def __missing__(self, name: str) -> bool:
        return False


class Helpers:
    """What ccxt's exchange objects offer besides requests."""

    _venue: RunningVenue
    _client: LocalClient
    precisionMode = TICK_SIZE
    rateLimit = 0
    enableRateLimit = False
    apiKey = ""
    secret = ""
    password = ""
    last_response_headers: dict[str, str] | None = None  # there are none in process

    @cached_property
    def markets(self) -> dict[str, Any]:
        """The rules of every market by symbol, as of the start or the last `load_markets`."""
        from failing_exchange.unified.structures import market

        return {symbol: market(rules) for symbol, rules in self._venue.markets.items()}

    @cached_property
    def currencies(self) -> dict[str, Any]:
        """Every asset that is traded, by code."""
        from failing_exchange.unified.structures import currencies_of

        return currencies_of(list(self._venue.markets.values()))

    async def load_markets(self, reload: bool = False, params: Params = NONE) -> dict[str, Any]:
        """The rules of every market by symbol; asks the venue once, or again with `reload`."""
        own("load_markets", params)
        if reload or not getattr(self, "_loaded", False):
            found = await self._client.call("fetch_markets", "", ())
            self.markets = {market["symbol"]: market for market in found}
            self._loaded = True
        return self.markets

    @cached_property
    def has(self) -> Has:
        """Which unified calls there are, by ccxt's names; False for any other name."""
        names = [name for name in dir(type(self)) if name.startswith(_VERBS)]
        kinds = {"spot": True, "margin": False, "swap": True, "future": False, "option": False}
        missing = dict.fromkeys(map(camel, NOT_SUPPORTED), False)
        return Has({camel(name): True for name in names} | kinds | missing)

    @property
    def timeout(self) -> float | None:
        """The time until a call gives up, in milliseconds as in ccxt; None = never."""
        if self._client.timeout is None:
            return None
        milliseconds = self._client.timeout * 1_000
        return int(milliseconds) if milliseconds == int(milliseconds) else milliseconds

    @timeout.setter
    def timeout(self, milliseconds: float | None) -> None:
        """Set it for the calls to come."""
        check_timeout(milliseconds, "timeout (in milliseconds)")
        self._client.timeout = None if milliseconds is None else milliseconds / 1_000

    @property
    def connection_timeout(self) -> float | None:
        """The same in seconds."""
        return self._client.timeout

    def market(self, symbol: str) -> dict[str, Any]:
        """The rules of a market."""
        if symbol not in self.markets:
            near = did_you_mean(symbol, self.markets)
            raise SymbolNotFoundError(f"Symbol not found: {symbol!r} is not traded here{near}")
        found: dict[str, Any] = self.markets[symbol]
        return found

    def amount_to_precision(self, symbol: str, amount: Any) -> str:
        """An amount cut to the market's step, as text."""
        market = self._rules(symbol)
        every = market.amount_every
        lots = _read("lots_of", amount, market.amount_step) // every * every
        return _above_step("amount", symbol, amount, lots, every, market.amount_text)

    def price_to_precision(self, symbol: str, price: Any) -> str:
        """A price rounded to the market's step, as text."""
        market = self._rules(symbol)
        every = market.price_every
        ticks = (2 * _read("ticks_of", price, market.price_step) + every) // (2 * every) * every
        return _above_step("price", symbol, price, ticks, every, market.price_text)

    def cost_to_precision(self, symbol: str, cost: Any) -> str:
        """A cost cut to eight places, as text."""

        self._rules(symbol)
        return atoms_text(_read("atoms_of", cost))

    def calculate_fee(
        self,
        symbol: str,
        type: str,
        side: str,
        amount: float,
        price: float,
        takerOrMaker: str = "taker",
        params: object = None,
    ) -> dict[str, Any]:
        """The fee that an order would be charged: in the asset it receives, or that settles it."""

        market = self._rules(symbol)
        _one_of("side", side, ("buy", "sell"))
        _one_of("takerOrMaker", takerOrMaker, ("taker", "maker"))
        kind = "taker" if type == "market" else takerOrMaker
        rate = market.maker_fee if kind == "maker" else market.taker_fee
        contract, worth = market.contract, _decimal("amount", amount) * _decimal("price", price)
        got, asset = worth, market.quote
        if contract is not None:
            got, asset = worth * contract.size / ATOMS, contract.settle
        elif side == "buy":
            got, asset = _decimal("amount", amount), market.base
        return {
            "type": kind,
            "currency": asset,
            "rate": rate / PPM,
            "cost": float(got * rate / PPM),
        }

    def milliseconds(self) -> int:
        """The client's clock in milliseconds: the venue's, once it has started."""
        if self._venue.loop is not None:
            return self._venue.clock.now() // MILLISECOND
        from datetime import UTC, datetime

        return int(datetime.now(UTC).timestamp() * 1_000)

    def seconds(self) -> int:
        """The same in seconds."""
        return self.milliseconds() // 1_000

    def iso8601(self, timestamp: Any = None) -> str | None:
        """Milliseconds as ISO 8601 text; None for other values and before 1970, as in ccxt."""
        from failing_exchange.unified.instants import iso

        number = is_number(timestamp)
        if isinstance(timestamp, str) and timestamp.isdecimal():
            timestamp, number = int(timestamp), True
        return iso(int(timestamp)) if number and 0 <= timestamp < LAST_MILLISECOND else None

    def parse8601(self, timestamp: Any = None) -> int | None:
        """ISO 8601 text as milliseconds; None for what is none, as in ccxt."""
        from datetime import UTC, datetime

        if not isinstance(timestamp, str):
            return None
        try:
            parsed = datetime.fromisoformat(timestamp)
        except ValueError:
            return None
        if parsed.tzinfo is None:
            parsed = parsed.replace(tzinfo=UTC)
        return round(parsed.timestamp() * 1_000)

    def parse_timeframe(self, timeframe: str) -> int:
        """A timeframe in seconds, as in ccxt: a number and one of s, m, h, d, w, M, y.

        Which of them the venue has candles of, `timeframes` says.
        """
        text = str(timeframe)
        if not (text[:-1].isdecimal() and text[-1] in SECONDS_OF):
            raise BadRequestError(
                f"Invalid timeframe: {timeframe!r} is not a number and one of "
                f"{', '.join(SECONDS_OF)}, like '5m'"
            )
        return int(text[:-1]) * SECONDS_OF[text[-1]]

    def check_required_credentials(self, error: bool = True) -> bool:
        """Return True: the in-process exchange needs no key."""
        return True

    def set_sandbox_mode(self, enabled: bool) -> None:
        """Changes nothing: this venue is a sandbox."""

    def _rules(self, symbol: str) -> Market:
        self.market(symbol)
        return self._venue.market_of(symbol)


_VERBS = ("fetch_", "create_", "cancel_", "edit_", "amend_", "watch_", "un_watch_", "load_",
          "add_margin", "reduce_margin", "set_leverage", "set_margin_mode", "set_position_mode",
          "set_multi_assets_mode", "set_fee_burn", "transfer")  # fmt: skip


def _read(parser: str, value: Any, *step: int) -> int:
    from failing_exchange.unified import errors, numbers

    return errors.checked(getattr(numbers, parser), numbers.hashable(value), *step)


def _above_step(
    name: str, symbol: str, given: object, steps: int, every: int, text: Callable[[int], str]
) -> str:
    """The text of a number of steps, which may not be 0."""
    if not steps:
        raise InvalidOrderError(
            f"Invalid {name}: {given!r} of {symbol} is less than the step {text(every)}"
        )
    return text(steps)


def _one_of(name: str, value: object, known: tuple[str, ...]) -> None:
    if value not in known:
        raise BadRequestError(f"Invalid {name}: {value!r} is none of {', '.join(known)}")


def _decimal(name: str, value: Any) -> Any:
    """A number of at least 0, exact to its text."""
    from decimal import Decimal, InvalidOperation

    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("nan")
    if not number.is_finite() or number < 0:
        raise BadRequestError(f"Invalid {name}: {value!r} is not a number from 0 on")
    return number
