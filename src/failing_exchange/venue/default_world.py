"""The default markets, balances and backgrounds, and what users may give in their place."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING

from failing_exchange.core.liquidity import Background
from failing_exchange.core.market import Market, is_contract, pair_of
from failing_exchange.core.reject import Reject
from failing_exchange.core.settlement import SETTLEMENTS, check_kind
from failing_exchange.core.units import ATOMS
from failing_exchange.errors import ConfigurationError
from failing_exchange.text.spelling import did_you_mean
from failing_exchange.venue.market_definitions import Listing, define, with_fees
from failing_exchange.venue.perpetuals import PERPETUALS

if TYPE_CHECKING:
    from failing_exchange.background.profiles import Profile

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
DEFAULTS: dict[str, Market] = {**MARKETS, **PERPETUALS}  # those that can be named
BALANCES: dict[str, int] = {
    "USDT": 10_000_000 * ATOMS,
    "BTC": 100 * ATOMS,
    "ETH": 1_000 * ATOMS,
    "SOL": 10_000 * ATOMS,
    "BNB": 1_000 * ATOMS,
}
SMALL_BALANCES: dict[str, float] = {  # units worth some orders; a bot may need something to sell
    "USDT": 10_000.0, "BTC": 1.0, "ETH": 10.0, "SOL": 100.0, "BNB": 10.0,
}  # fmt: skip
SYMBOL = "BTC/USDT"  # the market where none is named
BASE = MARKETS[SYMBOL].base  # the asset where none is named
# How much more is traded and offered in a perpetual than in its spot market: on Binance some eight
# times as much of BTC, ETH and SOL.
VOLUME_TIMES = OFFER_TIMES = 8
PLENTY = 1_000_000 * ATOMS  # the balance of an asset that BALANCES does not name


def listings_of(
    given: object, fees: object = None, kinds: Container[str] = ("spot", "linear")
) -> dict[str, Listing]:
    """Read the options `markets` and `fees`: listings by symbol.

    `given`: None for the default markets, or a list of their symbols, of mappings in units
    (`market_definitions.define`) and of `Market` objects. `fees`: 0.001 or "0.1%", {"maker": …,
    "taker": …}, or a mapping of either by symbol. `kinds`: those of the default markets.
    Raises ConfigurationError.
    """
    listings = [_listing(number, entry) for number, entry in enumerate(_listed(given, kinds))]
    found = {listing.market.symbol: listing for listing in listings}
    for symbol, fee in _fees_by_symbol(fees, found).items():
        if symbol not in found:
            raise ConfigurationError(
                f"fees: no market {symbol!r} here{did_you_mean(symbol, found)} (there are "
                f"{', '.join(found)})"
            )
        found[symbol] = with_fees(found[symbol], fee)
    return found


def separate(
    listings: Mapping[str, Listing],
) -> tuple[dict[str, Market], dict[str, Profile | None]]:
    """Separate listings into markets and background profiles, each by symbol."""
    markets = {symbol: listing.market for symbol, listing in listings.items()}
    return markets, {symbol: listing.profile for symbol, listing in listings.items()}


def _fees_by_symbol(fees: object, symbols: Iterable[str]) -> Mapping[str, object]:
    if fees is None:
        return {}
    if isinstance(fees, Mapping) and not fees.keys() & {"maker", "taker"}:
        return fees
    return dict.fromkeys(symbols, fees)


def _listed(given: object, kinds: Container[str]) -> list[object]:
    if given is None:
        return [name for name, one in DEFAULTS.items() if one.kind in kinds]
    if isinstance(given, Mapping) and "symbol" not in given:
        given = list(given.values())
    if not isinstance(given, (list, tuple)) or not given:
        raise ConfigurationError(
            'markets must be a list of symbols, like ["BTC/USDT"], of mappings like {"symbol": '
            '"DOGE/USDT", "price_step": "0.00001", "amount_step": 1, "price": 0.2}, or of Market '
            f"objects, or None for all, not {given!r}"
        )
    return list(given)


def _listing(number: int, entry: object) -> Listing:
    if isinstance(entry, Listing):
        return entry
    if isinstance(entry, Mapping):
        symbol = entry.get("symbol")
        return define(entry, f"markets[{number if symbol is None else repr(symbol)}]")
    market = DEFAULTS.get(entry) if isinstance(entry, str) else entry
    if not isinstance(market, Market):
        raise ConfigurationError(
            f"no default market {entry!r}{did_you_mean(entry, DEFAULTS)} (there are "
            f"{', '.join(DEFAULTS)}); for another one give a mapping with symbol, price_step and "
            "amount_step"
        )
    try:
        check_kind(market)
    except ValueError as error:
        raise ConfigurationError(f"markets: {error}") from None
    return Listing(market)


def traded_assets(markets: Iterable[Market]) -> list[str]:
    """Every asset that trading in these markets can move, according to their settlements."""
    moved = (asset for one in markets for asset in SETTLEMENTS[one.kind].assets(one))
    return list(dict.fromkeys(moved))


def balances_of(given: object, markets: Mapping[str, Market] = MARKETS) -> dict[str, int]:
    """Read the option `balances`: atoms by asset, from numbers of units.

    None: much of each asset that is traded. Raises ConfigurationError.
    """
    from failing_exchange.unified.numbers import atoms_of

    if given is None:
        others = set(traded_assets(markets.values())) - BALANCES.keys()
        return {**BALANCES, **dict.fromkeys(sorted(others), PLENTY)}
    if not isinstance(given, Mapping):
        raise ConfigurationError(f'balances must be a mapping like {{"USDT": 1000}}, not {given!r}')
    found = {}
    for asset, amount in given.items():
        if not isinstance(asset, str) or not asset:
            raise ConfigurationError(f'balances: an asset is a name like "USDT", not {asset!r}')
        try:
            is_zero = amount == 0 and not isinstance(amount, bool)
            found[asset] = 0 if is_zero else atoms_of(amount)
        except (Reject, TypeError):
            raise ConfigurationError(
                f"balances[{asset!r}] must be a number of units from 0 to 10**15, not {amount!r}"
            ) from None
    return found


def check_fee_asset(asset: object, markets: Mapping[str, Market]) -> None:
    """Raise ConfigurationError for an asset that fees can't be paid in: it must be traded here."""
    traded = traded_assets(markets.values())
    if asset is not None and asset not in traded:
        raise ConfigurationError(
            f"fee_asset must be an asset that is traded here ({', '.join(traded)}), or None, "
            f"not {asset!r}{did_you_mean(asset, traded)}"
        )


def check_balances(balances: Mapping[str, int], markets: Mapping[str, Market]) -> None:
    """Raise ConfigurationError for an asset that differs from a traded one in case only."""
    traded = {code.upper(): code for code in traded_assets(markets.values())}
    for asset in balances:
        if asset not in traded.values() and (code := traded.get(asset.strip().upper())):
            raise ConfigurationError(f"balances[{asset!r}]: no such asset; did you mean {code!r}?")


def backgrounds_of(
    markets: Mapping[str, Market],
    *,
    seed: int,
    birth: int,
    profiles: Mapping[str, Profile | None] | None = None,
    recordings: Mapping[str, str | PathLike[str]] | None = None,
) -> list[tuple[Market, Background | None]]:
    """Make the backgrounds of all markets; a perpetual follows the spot market that is listed.

    Where that one is recorded and the perpetual is not, the perpetual repeats the recording.
    """
    profiles, recordings = profiles or {}, recordings or {}
    made: dict[str, Background | None] = {}
    for symbol, market in sorted(markets.items(), key=lambda listed: is_contract(listed[0])):
        pair = pair_of(market.symbol)
        made[symbol] = background_of(
            symbol,
            seed=seed,
            birth=birth,
            market=market,
            profile=profiles.get(symbol),
            recording=recordings.get(symbol, recordings.get(pair)),
            rounds=symbol not in recordings,
            spot=(markets.get(pair), made.get(pair)),
        )
    return [(market, made[symbol]) for symbol, market in markets.items()]


def prepare_backgrounds(symbols: Iterable[str]) -> None:
    """Make what the backgrounds of all seeds share, so that processes forked later have it."""
    from failing_exchange.background import PROFILES
    from failing_exchange.background.synthetic import make_patterns

    for pair in dict.fromkeys(map(pair_of, symbols)):
        if pair in PROFILES:
            make_patterns(PROFILES[pair])


def background_of(
    symbol: str,
    *,
    seed: int,
    birth: int,
    market: Market | None = None,
    profile: Profile | None = None,
    recording: str | PathLike[str] | None = None,
    rounds: bool = False,
    spot: tuple[Market | None, Background | None] = (None, None),
) -> Background | None:
    """Make the background of a market: a recording (`rounds` its prices), or a synthetic one.

    That of a perpetual lies beside its spot market: `spot`, where that is listed and synthetic, or
    the default one of its pair. None for a market that is not a default one and names no price.
    """
    from failing_exchange.background import SyntheticMarket, opening_of
    from failing_exchange.background.recorded import RecordedMarket

    if recording is not None and market is not None:
        return RecordedMarket(
            recording,
            symbol=symbol,
            birth=birth,
            price_step=market.price_step,
            amount_step=market.amount_step,
            seed=seed,
            profile=_default_profile(symbol, market),
            rounds=rounds,
        )
    if market is not None and is_contract(symbol):
        return _perpetual(market, seed, birth, profile, spot)
    profile = profile or _default_profile(symbol, market)
    if profile is None:
        return None
    opening = opening_of(symbol, seed, profile)
    return SyntheticMarket(symbol, seed=seed, birth=birth, opening=opening, profile=profile)


def _perpetual(
    market: Market,
    seed: int,
    birth: int,
    profile: Profile | None,
    spot: tuple[Market | None, Background | None],
) -> Background | None:
    from failing_exchange.background import SyntheticMarket
    from failing_exchange.background.perpetual import PerpetualMarket, Underlying
    from failing_exchange.background.premium import PREMIUMS, Premium

    pair = pair_of(market.symbol)
    listed, flow = spot[0] or MARKETS.get(pair), spot[1]
    if listed is None:
        return None
    if not isinstance(flow, SyntheticMarket):
        flow = background_of(pair, seed=seed, birth=birth, market=listed)
    if not isinstance(flow, SyntheticMarket):
        return None
    steps = (listed.price_step, listed.amount_step)
    found = profile or _in_steps(flow.profile, steps, market)
    return PerpetualMarket(
        market.symbol,
        seed=seed,
        underlying=Underlying(symbol=pair, market=flow, price_step=listed.price_step),
        price_step=market.price_step,
        profile=profile
        or replace(found, volume=found.volume * VOLUME_TIMES, offer=found.offer * OFFER_TIMES),
        premium=PREMIUMS.get(market.base) or Premium(),
    )


def _default_profile(symbol: str, market: Market | None) -> Profile | None:
    """The default profile of a symbol, in the steps of the market that is listed."""
    from failing_exchange.background import PROFILES

    profile, default = PROFILES.get(symbol), MARKETS.get(symbol)
    if profile is None or default is None or market is None:
        return profile
    return _in_steps(profile, (default.price_step, default.amount_step), market)


def _in_steps(profile: Profile, steps: tuple[int, int], market: Market) -> Profile:
    """A profile in a market's steps; `steps`, of price and amount, are those that it is in."""
    if steps == (market.price_step, market.amount_step):
        return profile

    def ticks(value: int) -> int:
        return max(1, value * steps[0] // market.price_step)

    def lots(value: int) -> int:
        return max(1, value * steps[1] // market.amount_step)

    return replace(
        profile,
        opening=ticks(profile.opening),
        opening_spread=profile.opening_spread * steps[0] // market.price_step,
        volume=lots(profile.volume),
        spread=ticks(profile.spread),
        grid=ticks(profile.grid),
        offer=lots(profile.offer),
    )


def recordings_of(
    given: Mapping[str, str | PathLike[str]] | None, markets: Mapping[str, Market]
) -> dict[str, str | PathLike[str]]:
    """Read the option `recordings`: paths by symbol. Raises ConfigurationError for a bad file."""
    from failing_exchange.background.csv_reader import read

    if given is not None and not isinstance(given, Mapping):
        raise ConfigurationError(
            f'recordings must be a mapping like {{"BTC/USDT": "trades.csv"}}, not {given!r}'
        )
    found = dict(given or {})
    for symbol, path in found.items():
        market = markets.get(symbol)
        if market is None:
            raise ConfigurationError(
                f"recordings: no market {symbol!r} here{did_you_mean(symbol, markets)} (there are "
                f"{', '.join(markets)})"
            )
        read(path, price_step=market.price_step, amount_step=market.amount_step)
    return found
