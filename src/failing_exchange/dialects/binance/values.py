"""How Binance writes numbers, instants and names of markets."""

from __future__ import annotations

from failing_exchange.core.market import ATOMS, Market

MILLISECOND = 1_000_000
MICROSECOND = 1_000


def decimal(atoms: int) -> str:
    """Atoms as decimal text with eight places, as in every answer.

    >>> decimal(150_000_000), decimal(-1)
    ('1.50000000', '-0.00000001')
    """
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
    """The venue's name of a market.

    >>> venue_symbol("BTC/USDT")
    'BTCUSDT'
    """
    return symbol.replace("/", "")
