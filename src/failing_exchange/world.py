"""The default world: five markets with a seeded background, and what an account starts with."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike

from failing_exchange.core.background import Background
from failing_exchange.core.market import ATOMS, Market
from failing_exchange.core.reject import Reject
from failing_exchange.errors import ConfigurationError
from failing_exchange.spelling import meant

MARKETS: dict[str, Market] = {
    market.symbol: market
    for market in (
        Market(symbol="BTC/USDT", base="BTC", quote="USDT", price_step=10**6, amount_step=10**3,
               amount_max=9_000 * 10**5, cost_min=5 * ATOMS),
        Market(symbol="ETH/USDT", base="ETH", quote="USDT", price_step=10**6, amount_step=10**4,
               amount_max=90_000 * 10**4, cost_min=5 * ATOMS),
        Market(symbol="SOL/USDT", base="SOL", quote="USDT", price_step=10**6, amount_step=10**5,
               amount_max=900_000 * 10**3, cost_min=5 * ATOMS),
        Market(symbol="BNB/USDT", base="BNB", quote="USDT", price_step=10**6, amount_step=10**5,
               amount_max=900_000 * 10**3, cost_min=5 * ATOMS),
        Market(symbol="ETH/BTC", base="ETH", quote="BTC", price_step=10**3, amount_step=10**4,
               amount_max=100_000 * 10**4, cost_min=10**4),
    )
}  # fmt: skip
BALANCES: dict[str, int] = {
    "USDT": 10_000_000 * ATOMS,
    "BTC": 100 * ATOMS,
    "ETH": 1_000 * ATOMS,
    "SOL": 10_000 * ATOMS,
    "BNB": 1_000 * ATOMS,
}


def markets_of(given: object) -> dict[str, Market]:
    """The markets that a caller means: None = all, symbols of the default world, or own markets."""
    if given is None:
        return dict(MARKETS)
    if isinstance(given, Mapping):
        given = list(given.values())
    if not isinstance(given, (list, tuple)) or not given:
        raise ConfigurationError(
            'markets must be a list of symbols, like ["BTC/USDT"], or of Market objects, or None '
            f"for all, not {given!r}"
        )
    found: dict[str, Market] = {}
    for entry in given:
        market = MARKETS.get(entry) if isinstance(entry, str) else entry
        if not isinstance(market, Market):
            raise ConfigurationError(
                f"no market {entry!r} in the default world{meant(entry, MARKETS)} (there are "
                f"{', '.join(MARKETS)}); "
                "give a failing_exchange.Market for another one"
            )
        found[market.symbol] = market
    return found


def balances_of(given: object) -> dict[str, int]:
    """Balances in atoms from numbers in units; None = those of the default account."""
    from failing_exchange.dialects.unified.numbers import atoms_of

    if given is None:
        return dict(BALANCES)
    if not isinstance(given, Mapping):
        raise ConfigurationError(f'balances must be a mapping like {{"USDT": 1000}}, not {given!r}')
    found = {}
    for asset, amount in given.items():
        if not isinstance(asset, str) or not asset or isinstance(amount, bool):
            raise ConfigurationError(f"balances[{asset!r}] = {amount!r} is no amount of an asset")
        try:
            found[asset] = 0 if amount == 0 else atoms_of(amount)
        except (Reject, TypeError):
            raise ConfigurationError(
                f"balances[{asset!r}] must be a number of units from 0 to 10**15, not {amount!r}"
            ) from None
    return found


def check_fee_asset(asset: object, markets: Mapping[str, Market]) -> None:
    """A third asset that fees may be paid in: one that is traded here."""
    traded = dict.fromkeys(code for one in markets.values() for code in (one.base, one.quote))
    if asset is not None and asset not in traded:
        raise ConfigurationError(
            f"fee_asset must be an asset that is traded here ({', '.join(traded)}), or None, "
            f"not {asset!r}{meant(asset, traded)}"
        )


def check_balances(balances: Mapping[str, int], markets: Mapping[str, Market]) -> None:
    """Any asset may be held; one that is a traded one but for its case is a slip."""
    traded = {code.upper(): code for one in markets.values() for code in (one.base, one.quote)}
    for asset in balances:
        if asset not in traded.values() and (code := traded.get(asset.strip().upper())):
            raise ConfigurationError(f"balances[{asset!r}]: no such asset; did you mean {code!r}?")


def background_of(
    symbol: str,
    *,
    seed: int,
    birth: int,
    market: Market | None = None,
    recording: str | PathLike[str] | None = None,
) -> Background | None:
    """The background of a market: a recording, or the seeded one; None without a profile for it."""
    from failing_exchange.flow import PROFILES, MarketFlow, opening_of
    from failing_exchange.flow.recording import RecordedFlow

    if recording is not None and market is not None:
        return RecordedFlow(
            recording,
            symbol=symbol,
            birth=birth,
            price_step=market.price_step,
            amount_step=market.amount_step,
            seed=seed,
        )
    if symbol not in PROFILES:
        return None
    return MarketFlow(
        symbol, seed=seed, birth=birth, opening=opening_of(symbol, seed), profile=PROFILES[symbol]
    )


def recordings_of(
    given: Mapping[str, str | PathLike[str]] | None, markets: Mapping[str, Market]
) -> dict[str, str | PathLike[str]]:
    """Recordings by symbol, each of them read once, so that a mistake in a file is told at once."""
    from failing_exchange.flow.rows import read

    if given is not None and not isinstance(given, Mapping):
        raise ConfigurationError(
            f'recordings must be a mapping like {{"BTC/USDT": "trades.csv"}}, not {given!r}'
        )
    found = dict(given or {})
    for symbol, path in found.items():
        market = markets.get(symbol)
        if market is None:
            raise ConfigurationError(
                f"recordings: no market {symbol!r} here{meant(symbol, markets)} (there are "
                f"{', '.join(markets)})"
            )
        read(path, price_step=market.price_step, amount_step=market.amount_step)
    return found
