"""What is drawn in addition for a bot that trades contracts: account, brackets, incidents.

A world of Spot draws nothing here, so that its seeds stay what they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from failing_exchange.core.chance import below, key
from failing_exchange.core.contract import brackets_of
from failing_exchange.core.market import Market, is_contract
from failing_exchange.errors import ConfigurationError
from failing_exchange.explorer.recipes import CONTRACT_RECIPES, FaultSpec
from failing_exchange.text.number_checks import is_number
from failing_exchange.venue.default_world import DEFAULTS, listings_of, separate
from failing_exchange.venue.operator_incidents import command_of
from failing_exchange.venue.used_account import check_settings
from failing_exchange.venues.base import venue_of

FAULTS_MAX = 2  # recipes of contracts in one world, besides those of any product
INCIDENTS_MAX = 3  # that the operator causes in one drawn world
SETTINGS_EVERY = 3  # one world in this many has an account that was used before
HEDGE_EVERY = 4  # one such account in this many has a long and a short position a contract
MULTI_ASSETS_EVERY = 6  # one in this many is in multi-assets mode, which has no isolated margin
DELISTED_EVERY = 16  # one incident in this many settles the contract for good
# Of the futures wallet in USDT; None: plenty. A position of 0.1 BTC at 5x needs about 1,200.
WALLETS: tuple[float | None, ...] = (None, None, 10_000.0, 2_500.0, 1_500.0, 800.0)
LEVERAGES = (1, 2, 3, 10, 20, 75)  # that an account was left with
# By what the ends of the brackets are divided: with 10,000, 10,000 USDT take 20x at most.
DIVISORS = (1, 1, 1, 1_000, 10_000, 40_000)
DIVISOR_MAX = 1_000_000  # of a world; more is refused


class ContractParts(NamedTuple):
    """The parts of a world that only contracts have, by the names of its fields."""

    balances: Mapping[str, float] | None
    margin: Mapping[str, Any]
    brackets: int
    incidents: tuple[Mapping[str, Any], ...]


def symbols_of(venue: str, symbols: Iterable[str] = ()) -> tuple[str, ...]:
    """What the worlds of a bot list: what it says, else the contracts of a venue without Spot.

    Empty: the default markets.
    """
    found = tuple(dict.fromkeys(symbols))
    if not found and venue and "spot" not in venue_of(venue).kinds:
        kinds = venue_of(venue).kinds
        found = tuple(name for name, market in DEFAULTS.items() if market.kind in kinds)
    return found


def draw_parts(seed: int, seconds: float, markets: tuple[str, ...]) -> ContractParts:
    """The parts of the world of a seed; about the first contract of its markets."""
    dice = key("contracts", seed)
    symbol = next(filter(is_contract, markets))
    wallet = WALLETS[below(dice, 0, len(WALLETS))]
    count = below(dice, 1, INCIDENTS_MAX + 1)
    incidents = [_incident(key("incident", seed, n), symbol, seconds) for n in range(count)]
    return ContractParts(
        balances=None if wallet is None else {"USDT": wallet},
        margin=_margin(dice),
        brackets=DIVISORS[below(dice, 2, len(DIVISORS))],
        incidents=tuple(sorted(incidents, key=lambda one: float(one["at"]))),
    )


def contract_recipes(seed: int) -> tuple[FaultSpec, ...]:
    """The faults of contracts in the world of a seed, without their triggers."""
    dice = key("contract faults", seed)
    count = below(dice, 0, FAULTS_MAX + 1)
    places = dict.fromkeys(below(dice, 10 + n, len(CONTRACT_RECIPES)) for n in range(count))
    return tuple(CONTRACT_RECIPES[place] for place in places)


def _margin(dice: int) -> dict[str, Any]:
    """How an account was left by those who used it before; empty for a new one."""
    if below(dice, 3, SETTINGS_EVERY):
        return {}
    found: dict[str, Any] = {"leverage": LEVERAGES[below(dice, 4, len(LEVERAGES))]}
    if below(dice, 5, 2):
        found["margin_mode"] = "isolated"
    if below(dice, 6, HEDGE_EVERY) == 0:
        found["hedge"] = True
    if below(dice, 7, MULTI_ASSETS_EVERY) == 0:
        found.pop("margin_mode", None)
        found["multi_assets"] = True
    return found


def _incident(dice: int, symbol: str, seconds: float) -> dict[str, Any]:
    """One thing that the operator does, in the first two thirds of the time."""
    at = float(1 + below(dice, 0, max(1, int(seconds * 2 / 3))))
    if below(dice, 1, DELISTED_EVERY) == 0:
        return {"at": at, "do": "settle_contract", "symbol": symbol}
    what, fields = INCIDENTS[below(dice, 2, len(INCIDENTS))]
    return {"at": at, "do": what, "symbol": symbol, **fields(dice)}


def _either(dice: int, n: int, *values: Any) -> Any:
    return values[below(dice, n, len(values))]


# What the operator does in drawn worlds. Percents are of a price, or of the notional.
INCIDENTS: tuple[tuple[str, Callable[[int], dict[str, Any]]], ...] = (
    ("liquidate", lambda dice: {}),
    ("deleverage", lambda dice: {"amount": 0.05} if below(dice, 3, 2) else {}),
    ("pay_funding", lambda dice: {"rate": _either(dice, 3, 0.01, 0.1, 0.75, -0.05, -0.5)}),
    ("change_funding", lambda dice: {"hours": _either(dice, 3, 1, 4)}),
    ("move_mark", lambda dice: {
        "percent": _either(dice, 3, -12, -5, -3, 3, 5, 12), "seconds": _either(dice, 4, 5, 60),
    }),
    ("move_price", lambda dice: {"percent": _either(dice, 3, -8, -3, 3, 8)}),
    ("halt", lambda dice: {"seconds": _either(dice, 3, 30, 120, 600)}),
    ("cancel_only", lambda dice: {"seconds": _either(dice, 3, 30, 300)}),
)  # fmt: skip


# ---- checks, and the exchange of a world


def check_parts(world: Any) -> None:
    """Raise ConfigurationError for markets, settings or incidents that no exchange can have."""
    markets = separate(listings_of(list(world.markets) or None))[0]
    for one in world.incidents:
        if not isinstance(one, Mapping) or not is_number(one.get("at")) or one["at"] < 0:
            raise ConfigurationError(f"the world's incident {one!r}; expected at (seconds) and do")
        _command(one, markets)
    check_settings(world.margin, "the world's margin")


def _command(incident: Mapping[str, Any], markets: Mapping[str, Market]) -> Any:
    fields = dict(incident)
    del fields["at"]
    return command_of(fields.pop("do", None), fields, markets)


def planned(world: Any) -> list[tuple[float, Any]]:
    """(seconds from the start, operator command) of each incident of a world."""
    markets = separate(listings_of(list(world.markets) or None))[0]
    return [(float(one["at"]), _command(one, markets)) for one in world.incidents]


def listed(world: Any) -> list[Market]:
    """The markets of a world, with its brackets."""
    markets = separate(listings_of(list(world.markets)))[0].values()
    return [_with_brackets(market, world.brackets) for market in markets]


def _with_brackets(market: Market, divisor: int) -> Market:
    if market.contract is None or divisor == 1:
        return market
    brackets = market.contract.brackets
    rows = [(one.notional_max // divisor, one.leverage_max, one.rate) for one in brackets]
    return replace(market, contract=replace(market.contract, brackets=brackets_of(rows)))
