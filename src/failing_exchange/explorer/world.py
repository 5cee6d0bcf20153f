"""A world: everything around a bot in one run, as data; drawn from a seed, or mutated."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from failing_exchange.core.chance import below, key
from failing_exchange.core.market import is_contract
from failing_exchange.core.units import DAY_S
from failing_exchange.errors import ConfigurationError
from failing_exchange.explorer.contract_world import (
    DIVISOR_MAX,
    check_parts,
    contract_recipes,
    draw_parts,
    symbols_of,
)
from failing_exchange.explorer.migrations import check_migration, draw_migration
from failing_exchange.explorer.recipes import (
    SHORTAGE,
    WRONG_CLOCK,
    FaultSpec as FaultSpec,
    kinds_of,
)
from failing_exchange.faults import operations as ops
from failing_exchange.faults.catalogue import entry_of, is_own, make
from failing_exchange.faults.recorded_plan import RecordedPlan
from failing_exchange.faults.triggers import parse
from failing_exchange.judge.intents import check_pattern
from failing_exchange.runs.bot_process import calm_of
from failing_exchange.simulation import SCHEDULES
from failing_exchange.text.number_checks import is_number, is_whole
from failing_exchange.venue.api_changes import day_of
from failing_exchange.venue.default_world import (
    MARKETS,
    SMALL_BALANCES,
    SYMBOL,
    balances_of,
    check_balances,
)
from failing_exchange.venue.latency import LATENCY_MS_MAX
from failing_exchange.venues.base import DEFAULT

FAULTS_MAX = 5  # kinds of fault in one drawn world, besides common ones
INTENTS_MAX = 5  # that a world gives to a bot which asks for them
COMMON_EVERY = 2  # one world in this many has an incident of orders that happens on any day ...
COMMON_RATES = (0.1, 0.3, 1.0)  # ... to that share of them
RATES = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.3)
PRIVATE = frozenset(ops.PRIVATE_CALLS)
PRIVATE_RATES = (0.02, 0.05, 0.1, 0.1, 0.2, 0.3, 0.5)  # of orders there are few: tens in an hour
BURST_ENTER, PRIVATE_BURST_ENTER = 0.01, 0.1
WRONG_CLOCK_EVERY = 12  # one world in this many has a bot whose clock goes wrong, once
LATENCIES: tuple[float | str, ...] = ("auto", "auto", 5.0, 250.0)  # milliseconds
LIMITS = (None, None, None, 60, 300)  # requests a minute
SMALL_EVERY = 4  # one world in this many begins with a small account
SHORT_EVERY = 2  # one small account in this many runs short of what it holds
SECONDS_MAX = 366 * DAY_S  # of a world: a leap year; a longer one is refused
RATE_MAX = 10**9  # requests a minute; a higher limit is refused


@dataclass(frozen=True, kw_only=True)
class World:
    """What surrounds a bot. Times are seconds from the start.

    `plan` is a recorded plan as JSON can hold it, in the place of faults drawn by dice. `balances`
    are those of the bot's account, in units; None = plenty of each asset.

    Of contracts: `margin` says how the account was left before (leverage, margin_mode, hedge,
    multi_assets), the ends of the notional brackets are divided by `brackets`, and `incidents` are
    what the operator does, as in scenario files:
    {"at": 600.0, "do": "liquidate", "symbol": "BTC/USDT:USDT"}.

    `migration`: a change of the venue's API that comes while the bot runs; it has the place of
    `as_of`: {"at": 600.0, "change": "algo_orders"}.

    >>> World(seed=7, seconds=600.0, faults=(FaultSpec("lose_answer", "nth(1)"),)).timeout
    10.0
    """

    seed: int
    seconds: float
    calm: float = 0.0
    latency: float | str | None = "auto"
    rate_limit: int | None = None
    balances: Mapping[str, float] | None = None
    timeout: float = 10.0
    faults: tuple[FaultSpec, ...] = ()
    restarts: tuple[float, ...] = ()
    intents: tuple[Mapping[str, Any], ...] = ()
    plan: tuple[Mapping[str, Any], ...] = ()  # the rules of a recorded plan
    venue: str = ""  # that a bot with clients of its own reaches; empty: the default one
    as_of: str = ""  # the day of its API; empty: the newest
    client_ids: str = ""  # a pattern whose first group names what an order is for
    markets: tuple[str, ...] = ()  # that are listed; empty: the default ones
    margin: Mapping[str, Any] = field(default_factory=dict)
    brackets: int = 1
    incidents: tuple[Mapping[str, Any], ...] = ()
    migration: Mapping[str, Any] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)  # environment variables of the bot
    files: str = ""  # a folder: the bot works in a copy of it
    schedule: str = SCHEDULES[0]  # of the bot's threads: which of several goes first

    def as_dict(self) -> dict[str, Any]:
        """The world as JSON; values that equal the default are left out."""
        usual = vars(World(seed=0, seconds=0))
        found = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in vars(self).items()
            if name in ("seed", "seconds") or value != usual[name]
        }
        if self.faults:
            found["faults"] = [[arm.kind, arm.when, [*arm.operations], dict(arm.fields)]
                               for arm in self.faults]  # fmt: skip
        return found

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> World:
        """The world that `as_dict` has written; raises ConfigurationError for anything else."""
        try:
            given = dict(found)
            given["faults"] = tuple(
                FaultSpec(kind, when, tuple(operations), fields)
                for kind, when, operations, fields in given.get("faults", ())
            )
            for name in ("restarts", "intents", "plan", "markets", "incidents"):
                given[name] = tuple(given.get(name, ()))
            return cls(**given)
        except (TypeError, ValueError) as error:
            raise ConfigurationError(f"this is not a world: {error}") from error

    def check(self) -> None:
        """Raise ConfigurationError for a value that a world can't have; `draw` makes none."""
        check_world(self)


def draw(
    seed: int,
    *,
    seconds: float,
    venue: str = "",
    intents: bool = False,
    symbols: Sequence[str] = (),
) -> World:
    """The world of a seed. First which faults there are at all, then how often each strikes.

    `symbols` are what the bot trades; with a contract among them, the world is one of contracts.

    >>> draw(7, seconds=3600) == draw(7, seconds=3600)
    True
    """
    dice = key("world", seed)
    recipes = kinds_of(venue).recipes
    count = 1 + below(dice, 0, FAULTS_MAX)
    places = dict.fromkeys(below(dice, 10 + n, len(recipes)) for n in range(count))
    markets = symbols_of(venue, symbols)
    faults = tuple(
        _armed(recipes[place], key("fault", seed, place))
        for place in places
        if not markets or _has_asset(recipes[place], markets)
    )
    restarts = 1 + below(dice, 4, 2) if below(dice, 3, 5) == 0 else 0
    symbol = next(filter(is_contract, markets), markets[0] if markets else SYMBOL)
    has_contracts = any(map(is_contract, markets))
    small = below(dice, 8, SMALL_EVERY) == 0 and not has_contracts
    drawn = World(
        seed=seed,
        seconds=seconds,
        calm=calm_of(seconds),
        latency=LATENCIES[below(dice, 1, len(LATENCIES))],
        rate_limit=LIMITS[below(dice, 2, len(LIMITS))],
        balances=SMALL_BALANCES if small else None,
        faults=(
            *faults,
            *_common(dice, venue),
            *(_shortage(dice, symbol) if small else ()),
            *_wrong_clock(dice),
        ),
        restarts=tuple(sorted(_moment(dice, 20 + n, seconds) for n in range(restarts))),
        intents=_intents(dice, seconds, symbol) if intents else (),
        venue="" if venue == DEFAULT else venue,
        migration=draw_migration(seed, seconds, venue),
        markets=markets,
    )
    return _of_contracts(drawn) if has_contracts else drawn


def _of_contracts(drawn: World) -> World:
    """A drawn world with what only contracts have, and their faults."""
    dice = key("contract fault", drawn.seed)
    faults = (
        _armed(recipe, key("trigger", dice, place))
        for place, recipe in enumerate(contract_recipes(drawn.seed))
    )
    parts = draw_parts(drawn.seed, drawn.seconds, drawn.markets)
    return replace(drawn, faults=(*drawn.faults, *faults), **parts._asdict())


def with_own(world: World, faults: Sequence[str]) -> World:
    """A drawn world with faults of a user's, by path.py:Name: each is in every second world."""
    found = [
        _armed(FaultSpec(name, ""), key("own fault", world.seed, place))
        for place, name in enumerate(faults)
        if below(key("own fault", world.seed, place), 9, 2) == 0
    ]
    return replace(world, faults=(*found, *world.faults)) if found else world


def with_schedule(world: World) -> World:
    """A drawn world for a bot with threads: in every second one their order is drawn, too."""
    return replace(world, schedule=SCHEDULES[below(key("schedule", world.seed), 0, 2)])


def own_kinds(world: World) -> list[str]:
    """The faults of a user's in a world, by path.py:Name."""
    kinds = [*(arm.kind for arm in world.faults), *(str(one["fault"]) for one in world.plan)]
    return [kind for kind in dict.fromkeys(kinds) if is_own(kind)]


def _moment(dice: int, n: int, seconds: float) -> float:
    """A whole second somewhere in the first two thirds."""
    return float(1 + below(dice, n, max(1, int(seconds * 2 / 3))))


def _common(dice: int, venue: str) -> tuple[FaultSpec, ...]:
    """In every other world, in addition: what happens to orders on any day."""
    if below(dice, 5, COMMON_EVERY):
        return ()
    sets = kinds_of(venue).common
    rate = COMMON_RATES[below(dice, 7, len(COMMON_RATES))]
    return tuple(arm._replace(when=f"chance({rate})") for arm in sets[below(dice, 6, len(sets))])


def _has_asset(recipe: FaultSpec, markets: Sequence[str]) -> bool:
    """Whether the asset that a fault names, if any, is one of the markets'."""
    asset = recipe.fields.get("asset", "")
    return not asset or any(asset in re.split("[/:]", symbol) for symbol in markets)


def _shortage(dice: int, symbol: str) -> tuple[FaultSpec, ...]:
    """In every other world with a small account, in addition: a part of what is held is locked."""
    if below(dice, 9, SHORT_EVERY):
        return ()
    wanted = SHORTAGE._replace(fields={**SHORTAGE.fields, "asset": symbol.partition("/")[0]})
    return (_armed(wanted, key("shortage", dice)),)


def _wrong_clock(dice: int) -> tuple[FaultSpec, ...]:
    """In a few worlds, in addition: for a while orders are refused for their time."""
    if below(dice, 15, WRONG_CLOCK_EVERY):
        return ()
    return (WRONG_CLOCK._replace(when=f"nth({1 + below(dice, 16, 20)})"),)


def _armed(recipe: FaultSpec, dice: int) -> FaultSpec:
    """A recipe with a trigger of its own, where it has none, or one that is only an example."""
    when = recipe.when
    if when and not when.startswith("nth("):
        return recipe
    is_private = {*(recipe.operations or entry_of(recipe.kind).operations)} <= PRIVATE
    rate = (PRIVATE_RATES if is_private else RATES)[below(dice, 2, len(RATES))]
    how = below(dice, 0, 4)
    if how == 0 or when:
        when = f"nth({1 + below(dice, 1, 20)})"
    elif how == 1:
        enter = PRIVATE_BURST_ENTER if is_private else BURST_ENTER
        when = f"burst({enter}, {rate}, 0.8)"
    else:
        when = f"chance({rate})"
    return recipe._replace(when=when)


def _intents(dice: int, seconds: float, symbol: str) -> tuple[Mapping[str, Any], ...]:
    """What a bot is asked to do, where it takes that from the world."""
    found = [
        {
            "at": _moment(dice, 40 + n, seconds),
            "symbol": symbol,
            "side": ("buy", "sell")[below(dice, 50 + n, 2)],
            "amount": (1 + below(dice, 60 + n, 20)) / 100,
        }
        for n in range(1 + below(dice, 30, INTENTS_MAX))
    ]
    return tuple(sorted(found, key=lambda one: float(str(one["at"]))))


def mutate(parent: World, seed: int, *, venue: str = "") -> World:
    """A neighbour of a world that has shown something new: one thing in it is another."""
    fresh = draw(
        seed,
        seconds=parent.seconds,
        venue=venue,
        intents=bool(parent.intents),
        symbols=parent.markets,
    )
    dice = key("mutation", seed)
    match below(dice, 0, 5):
        case 0:
            return replace(parent, seed=seed)
        case 1:
            return replace(parent, faults=(*parent.faults, *fresh.faults)[:FAULTS_MAX])
        case 2 if len(parent.faults) > 1:
            out = below(dice, 1, len(parent.faults))
            return replace(parent, faults=parent.faults[:out] + parent.faults[out + 1 :])
        case 3:
            return replace(
                parent,
                restarts=fresh.restarts,
                latency=fresh.latency,
                margin=fresh.margin,
                migration=fresh.migration,
                incidents=fresh.incidents,
            )
        case _:
            return replace(parent, rate_limit=fresh.rate_limit, faults=fresh.faults)


def check(arm: FaultSpec) -> None:
    """Raise ConfigurationError for a fault that can't be armed."""
    if not is_own(arm.kind):  # one of a user's is loaded, and checked, when it is armed
        make(arm.kind, **arm.fields)
    ops.check(arm.operations)
    if arm.when:
        parse(arm.when)


def check_world(world: World) -> None:
    """Raise ConfigurationError for a value that no world has, by its name."""
    for name, (what, fits) in VALUES.items():
        value = getattr(world, name)
        if not fits(value):
            raise ConfigurationError(f"the world's {name} is {value!r}; expected {what}")
    if world.balances is not None:
        check_balances(balances_of(world.balances), MARKETS)
    check_parts(world)
    check_migration(world.migration, world.venue)
    for arm in world.faults:
        check(arm)
    for intent in world.intents:
        if not (isinstance(intent, Mapping) and {"at", "symbol", "side", "amount"} <= {*intent}):
            raise ConfigurationError(
                f"the world's intent {intent!r}; expected at, symbol, side and amount"
            )
    if world.plan:
        for one in RecordedPlan.of_rules(world.plan).recordings:
            if not is_own(one.kind):
                make(one.kind, **one.fields)


def _is_day(value: Any) -> bool:
    try:
        return isinstance(value, str) and day_of(value) == value
    except ConfigurationError:
        return False


def _is_pattern(value: Any) -> bool:
    try:
        return isinstance(value, str) and (not value or bool(check_pattern(value)))
    except ConfigurationError:
        return False


def _are_strings(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(one, str) for one in value.values())


def _is_number(value: Any, least: float, most: float) -> bool:
    return is_number(value) and least <= value <= most


VALUES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "seed": ("a whole number", is_whole),
    "seconds": (f"above 0, to {SECONDS_MAX:,}", lambda v: _is_number(v, 0.001, SECONDS_MAX)),
    "calm": (f"0 to {SECONDS_MAX:,}", lambda v: _is_number(v, 0, SECONDS_MAX)),
    "latency": (
        '"auto", null or milliseconds',
        lambda v: v in ("auto", None) or _is_number(v, 0, LATENCY_MS_MAX),
    ),
    "rate_limit": (
        "requests a minute, or null",
        lambda v: v is None or (isinstance(v, int) and _is_number(v, 1, RATE_MAX)),
    ),
    "schedule": (" or ".join(SCHEDULES), lambda v: v in SCHEDULES),
    "venue": ("a venue's name, or path.py:NAME", lambda v: isinstance(v, str)),
    "as_of": ("a date as 2025-12-01, or empty", lambda v: v == "" or _is_day(v)),
    "client_ids": ("a pattern with a group", _is_pattern),
    "timeout": ("seconds above 0", lambda v: _is_number(v, 0.001, SECONDS_MAX)),
    "brackets": (
        f"a whole number from 1 to {DIVISOR_MAX:,}",
        lambda v: is_whole(v) and 1 <= v <= DIVISOR_MAX,
    ),
    "env": ("a table of strings", _are_strings),
    "files": ("the name of a folder", lambda v: isinstance(v, str)),
    "margin": ("a table", lambda v: isinstance(v, Mapping)),
    "migration": ("a table", lambda v: isinstance(v, Mapping)),
    "markets": ("a list of symbols", lambda v: all(isinstance(one, str) for one in v)),
    "restarts": (
        "a list of seconds",
        lambda v: all(_is_number(one, 0, SECONDS_MAX) for one in v),
    ),
}
