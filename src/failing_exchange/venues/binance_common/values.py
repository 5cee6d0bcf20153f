"""How Binance writes numbers, instants and names of markets."""

from __future__ import annotations

from failing_exchange.core.market import Market
from failing_exchange.core.units import ATOMS, MICROSECOND, MILLISECOND

ZERO = "0.00000000"


def decimal(atoms: int) -> str:
    """Atoms as decimal text with eight places, as in every answer.

    >>> decimal(150_000_000), decimal(-1)
    ('1.50000000', '-0.00000001')
    """
    if not atoms:
        return ZERO
    if atoms < 0:
        return f"-{decimal(-atoms)}"
    return f"{atoms // ATOMS}.{atoms % ATOMS:08d}"


def price(ticks: int, market: Market) -> str:
    """A price."""
    return decimal(ticks * market.price_step)


def amount(lots: int, market: Market) -> str:
    """An amount of the base asset."""
    return decimal(lots * market.amount_step)


def instant(at: int, *, micro: bool) -> int:
    """An instant in milliseconds, or in microseconds where the client asked for them."""
    return at // (MICROSECOND if micro else MILLISECOND)


def venue_symbol(symbol: str) -> str:
    """The venue's name of a market; a perpetual has that of its pair.

    >>> venue_symbol("BTC/USDT"), venue_symbol("BTC/USDT:USDT")
    ('BTCUSDT', 'BTCUSDT')
    """
    return symbol.partition(":")[0].replace("/", "")


def percent(change: int, of: int) -> str:
    """A change in per cent with three places, as tickers show it.

    >>> percent(-1, 3), percent(5, 0)
    ('-33.333', '0.000')
    """
    thousandths = (abs(change) * 200_000 + of) // (2 * of) if of else 0
    sign = "-" if change < 0 and thousandths else ""
    return f"{sign}{thousandths // 1000}.{thousandths % 1000:03d}"
