"""Market definitions in the units that people use: "0.01", "0.1%", 0.001, 50_000.

Inside, prices are ticks, amounts lots and fees parts per million (`core.market.Market`). A user
writes a market as a mapping, in Python or in a scenario file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, NamedTuple

from failing_exchange.core.market import Market, parse_symbol
from failing_exchange.core.units import ATOMS, PPM
from failing_exchange.errors import ConfigurationError
from failing_exchange.text.spelling import did_you_mean

if TYPE_CHECKING:
    from failing_exchange.background.profiles import Profile

FEE_MAX = Decimal("0.05")  # a larger fee is refused: it is most likely a percentage
VOLATILITY_MAX = Decimal("0.5")  # of a day; likewise
VOLUME_OF_A_DAY = 50_000_000  # of the quote asset, where a market names none
UNITS_MAX = Decimal(10**12)  # prices and amounts; a larger one is refused
OFFERS_OF_A_DAY = 27_000  # a day's volume in typical offers, as of the default markets
SPREAD_PPM, GRID_OF_SPREAD, ACTIVITY = 5, 4, 500  # likewise
TICKS_MIN = 100
REQUIRED = ("symbol", "price_step", "amount_step")


class Listing(NamedTuple):
    """A market and its background profile; None: the default of its symbol, if there is one."""

    market: Market
    profile: Profile | None = None


def decimal_of(name: str, value: object, expected: str) -> Decimal:
    """Read a number by its decimal text. Raises ConfigurationError with what was expected."""
    try:
        number = Decimal(str(value)) if not isinstance(value, bool) else Decimal("nan")
    except InvalidOperation:
        number = Decimal("nan")
    if not isinstance(value, (int, float, str, Decimal)) or not number.is_finite():
        raise ConfigurationError(f"{name} must be {expected}, not {value!r}")
    return number


def atoms_of(name: str, value: object) -> int:
    """Convert a number of units above 0 to atoms of 1e-8, exactly. Raises ConfigurationError."""
    expected = 'a number above 0, like "0.01"'
    atoms = decimal_of(name, value, expected) * ATOMS
    if not 0 < atoms <= UNITS_MAX * ATOMS or atoms != int(atoms):
        detail = "" if not 0 < atoms < 1 else " (the smallest is 0.00000001)"
        raise ConfigurationError(f"{name} must be {expected}{detail}, not {value!r}")
    return int(atoms)


def ratio_of(name: str, value: object, most: Decimal) -> Decimal:
    """Read a fraction: "0.1%" or 0.001. Raises ConfigurationError for one above `most`.

    >>> ratio_of("maker_fee", "0.1%", FEE_MAX) == ratio_of("maker_fee", 0.001, FEE_MAX)
    True
    """
    expected = 'a fraction like 0.001 or a percentage like "0.1%"'
    text, percent = value, False
    if isinstance(value, str) and value.strip().endswith("%"):
        text, percent = value.strip()[:-1], True
    ratio = decimal_of(name, text, expected) / (100 if percent else 1)
    if not 0 <= ratio <= most:
        raise ConfigurationError(
            f"{name} must be {expected}, from 0 to {(most * 100).normalize():f}%, not {value!r}"
        )
    return ratio


def fee_of(name: str, value: object) -> int:
    """Read a fee as parts per million. Raises ConfigurationError."""
    ppm = ratio_of(name, value, FEE_MAX) * PPM
    if ppm != int(ppm):
        raise ConfigurationError(f"{name} must be a multiple of 0.0001%, not {value!r}")
    return int(ppm)


def define(given: Mapping[str, Any], place: str = "market") -> Listing:
    """Read a market from a mapping in units.

    Needed: symbol ("DOGE/USDT"), price_step, amount_step. Optional: amount_min, amount_max,
    cost_min, price_min, price_max (units), maker_fee, taker_fee (0.001 or "0.1%"), orders_max.
    With `price`, the market has a background that opens there: volatility (of a day, 0.03 or
    "3%"), volume (of a day, in the base asset).

    Raises:
        ConfigurationError: a wrong key or value; it names what was expected.

    >>> listing = define({"symbol": "DOGE/USDT", "price_step": "0.00001", "amount_step": 1,
    ...                   "maker_fee": "0.02%", "price": 0.2})
    >>> listing.market.price_step, listing.market.maker_fee, listing.profile.opening
    (1000, 200, 20000)
    """
    for key in given:
        if key not in FIELDS and key not in BACKGROUND:
            known = (*FIELDS, *BACKGROUND)
            raise ConfigurationError(
                f"{place}.{key} is not a key of a market{did_you_mean(key, known)}; the keys are "
                f"{', '.join(known)}"
            )
    for key in REQUIRED:
        if key not in given:
            raise ConfigurationError(f"{place}.{key} is missing: a market needs it")
    base, quote = _assets(place, given["symbol"])
    market = Market(
        symbol=given["symbol"],
        base=base,
        quote=quote,
        price_step=atoms_of(f"{place}.price_step", given["price_step"]),
        amount_step=atoms_of(f"{place}.amount_step", given["amount_step"]),
    )
    wanted: dict[str, Any] = {
        key: read(f"{place}.{key}", given[key], market)
        for key, read in FIELDS.items()
        if key in given and key not in REQUIRED
    }
    market = replace(market, **wanted)
    return Listing(market, _profile(place, given, market))


def with_fees(listing: Listing, fees: object) -> Listing:
    """Replace the fees of a market: one fee for makers and takers, or a mapping."""
    if not isinstance(fees, Mapping):
        fee = fee_of("fees", fees)
        return listing._replace(market=replace(listing.market, maker_fee=fee, taker_fee=fee))
    for key in fees:
        if key not in ("maker", "taker"):
            raise ConfigurationError(
                f"fees.{key} is neither maker nor taker; write fees=0.001, "
                'fees={"maker": "0.02%", "taker": "0.04%"}, or a mapping of that by symbol'
            )
    changed: dict[str, Any] = {
        f"{key}_fee": fee_of(f"fees.{key}", value) for key, value in fees.items()
    }
    return listing._replace(market=replace(listing.market, **changed))


def pairs_of(option: str, text: str, example: str) -> dict[str, str]:
    """Read `name=value,name=value` of a command line as a mapping.

    >>> pairs_of("--fees", "maker=0.02%,taker=0.04%", "")
    {'maker': '0.02%', 'taker': '0.04%'}
    """
    found = {}
    for part in text.split(","):
        name, sign, value = (piece.strip() for piece in part.partition("="))
        if not (name and sign and value) or name in found:
            raise ConfigurationError(f"{option} {text!r}; expected {example}")
        found[name] = value
    return found


def _assets(place: str, symbol: object) -> tuple[str, str]:
    """Base and quote. A mapping defines a spot market: it can't say how a contract settles."""
    try:
        found = parse_symbol(symbol)
    except ValueError:
        raise ConfigurationError(
            f'{place}.symbol must be two assets like "DOGE/USDT", not {symbol!r}'
        ) from None
    if found.settle is not None:
        raise ConfigurationError(
            f"{place}.symbol {symbol!r} names a contract that settles in {found.settle}; a mapping "
            f"defines spot markets, like {found.base + '/' + found.quote!r}: give a Market of a "
            "`kind` that has a settlement (core.settlement)"
        )
    return found.base, found.quote


def _whole(name: str, atoms: int, step: int, what: str) -> int:
    if atoms % step:
        raise ConfigurationError(f"{name} must be a multiple of {what}")
    return atoms // step


def _ticks(name: str, value: object, market: Market) -> int:
    return _whole(name, atoms_of(name, value), market.price_step, "price_step")


def _lots(name: str, value: object, market: Market) -> int:
    return _whole(name, atoms_of(name, value), market.amount_step, "amount_step")


def _count(name: str, value: object, market: Market) -> int:
    number = decimal_of(name, value, "a whole number from 1")
    if number < 1 or number != int(number):
        raise ConfigurationError(f"{name} must be a whole number from 1, not {value!r}")
    return int(number)


FIELDS: dict[str, Callable[[str, object, Market], Any]] = {
    "symbol": lambda name, value, market: value,
    "price_step": lambda name, value, market: atoms_of(name, value),
    "amount_step": lambda name, value, market: atoms_of(name, value),
    "amount_min": _lots,
    "amount_max": _lots,
    "cost_min": lambda name, value, market: atoms_of(name, value),
    "price_min": _ticks,
    "price_max": _ticks,
    "maker_fee": lambda name, value, market: fee_of(name, value),
    "taker_fee": lambda name, value, market: fee_of(name, value),
    "orders_max": _count,
}
BACKGROUND = ("price", "volatility", "volume")


def _profile(place: str, given: Mapping[str, Any], market: Market) -> Profile | None:
    """The background of a market that names its price, as active as a default market."""
    from failing_exchange.background.profiles import Profile

    if "price" not in given:
        for key in ("volatility", "volume"):
            if key in given:
                raise ConfigurationError(f"{place}.{key} goes with {place}.price")
        return None
    opening = _ticks(f"{place}.price", given["price"], market)
    if opening < TICKS_MIN:
        raise ConfigurationError(
            f"{place}.price must be at least {TICKS_MIN} price steps, since a lower one could only "
            f"move in leaps, not {given['price']!r} with a step of {given['price_step']!r}"
        )
    sigma = ratio_of(f"{place}.volatility", given.get("volatility", "3%"), VOLATILITY_MAX)
    if "volume" in given:
        volume = atoms_of(f"{place}.volume", given["volume"]) // market.amount_step
    else:
        volume = market.lots_for(VOLUME_OF_A_DAY * ATOMS, opening)
    spread = max(1, opening * SPREAD_PPM // PPM)
    return Profile(
        opening=opening,
        opening_spread=0,
        sigma=max(1, int(sigma * PPM)),
        volume=max(1, volume),
        activity=ACTIVITY,
        spread=spread,
        grid=GRID_OF_SPREAD * spread,
        offer=max(1, volume // OFFERS_OF_A_DAY),
    )
