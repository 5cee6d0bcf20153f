"""What a venue is, the venues that are shipped, and how one is put on the wire.

A venue is a value: it says where it is reached, who its clients are and what its markets look like
in production, and gives the `Dialect` that a server speaks. It keeps no state of its own.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from failing_exchange.errors import ConfigurationError
from failing_exchange.server.venue_server import VenueServer
from failing_exchange.text.files import split_own
from failing_exchange.text.spelling import did_you_mean, shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from failing_exchange.client.exchange import FailingExchange
    from failing_exchange.core.market import Market
    from failing_exchange.server.api_keys import Key, Keyring
    from failing_exchange.server.dialect import Dialect
    from failing_exchange.venue import venue as running
    from failing_exchange.venue.api_changes import ApiTable
    from failing_exchange.venues.examples import Examples


class Venue:
    """A venue that can be served and simulated; each derives from this, and says what it is.

    `name` is what `serve` and `venue=` call it, `title` what people do, and `about` says in a
    sentence what of it is simulated and what is not.
    `places` are its production hosts and ports, under which a simulation reaches it; at
    `fallback_places` it answers only while no other venue of the simulation does.
    `kinds` are those of `Market.kind` that it lists. `beside` names other venues, products of the
    same exchange, that are served with it; a request at none of their hosts is theirs if its path
    begins with one of their `paths`.
    `ccxt_ids` are the ccxt classes that speak to it, and `products` what their option
    `defaultType` may be, the default first.
    `switches` are options of its own for `serve` and `like_production`, each with its help text.
    `impossible` are known incidents (`failing-exchange scenarios`) that it can't have, with why.
    `changes` are the dated changes of its API, where it can be had as of a date.
    """

    name: str
    title: str
    about: str
    places: tuple[tuple[str, int], ...]
    fallback_places: tuple[tuple[str, int], ...] = ()
    kinds: tuple[str, ...] = ("spot",)
    beside: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    ccxt_ids: tuple[str, ...] = ()
    products: tuple[str, ...] = ("spot",)
    switches: Mapping[str, str] = MappingProxyType({})
    impossible: Mapping[str, str] = MappingProxyType({})
    changes: ApiTable | None = None

    def speak(
        self, venue: running.RunningVenue, keys: Keyring, limits: Any = None, **switches: bool
    ) -> Dialect:
        """Its protocol, bound to one running venue; without `limits`, with production's."""
        raise NotImplementedError

    def served(self) -> tuple[Venue, ...]:
        """Itself, and the products that are served beside it on the same exchange."""
        return (self, *map(venue_of, self.beside))

    def all_places(self) -> tuple[tuple[str, int], ...]:
        """The production hosts and ports of all that is served with it."""
        return tuple(place for one in self.served() for place in one.places)

    def hosts(self) -> tuple[str, ...]:
        """All hosts under which it may answer."""
        places = (*self.all_places(), *self.fallback_places)
        return tuple(dict.fromkeys(host for host, _ in places))

    def all_kinds(self) -> tuple[str, ...]:
        """The kinds of market of all that is served with it."""
        return tuple(dict.fromkeys(kind for one in self.served() for kind in one.kinds))

    def day_of(self, day: str | None) -> str | None:
        """The day of its API where it is served beside another: not before the first known one."""
        return day if day is None or self.changes is None else max(day, self.changes.since)

    def as_in_production(self, market: Market) -> Market:
        """A market with production's filters, where it is one that they are known of."""
        return market

    def limits(self, accelerate: int = 1) -> Any:
        """Production's limits, each divided by `accelerate`; at least one of everything is left.

        Raises ConfigurationError for a number below 1.
        """
        return None

    def check_key(self, key: Key) -> None:
        """Raise ConfigurationError for an API key that this venue can't have."""

    def check_as_of(self, day: str | None) -> None:
        """Raise ConfigurationError for a day on which its API is not known; None is the newest."""
        if self.changes is not None:
            self.changes.check_day(day)
        elif day is not None:
            raise ConfigurationError(
                f"as_of = {day}: {self.name} has no table of changes; leave as_of out"
            )

    def examples(self) -> Examples:
        """Its examples, by which `check_venue` checks it."""
        raise ConfigurationError(f"{self.title} has no examples: `check_venue` needs them")


# Each shipped venue, and where its value stands: it is loaded when it is first asked for.
VENUES: dict[str, str] = {
    "binance": "failing_exchange.venues.binance.venue:BINANCE",
    "binance-usdm": "failing_exchange.venues.binance_usdm.venue:BINANCE_USDM",
}
DEFAULT = "binance"


def venue_of(wanted: str | Venue) -> Venue:
    """A venue by its name; one of your own as "module:NAME" or "path.py:NAME".

    Raises ConfigurationError for a name that is unknown, or leads to no venue.

    >>> venue_of("binance").title
    'Binance Spot'
    """
    if not isinstance(wanted, str):
        if not hasattr(wanted, "speak"):
            raise ConfigurationError(
                f"venue={shown(wanted)}; expected a name ({', '.join(VENUES)}), or a venue of yours"
            )
        return wanted
    where = VENUES.get(wanted, wanted)
    if ":" not in where and not where.endswith(".py"):
        raise ConfigurationError(
            f"no venue is called {shown(wanted)}{did_you_mean(wanted, VENUES)} (known: "
            f"{', '.join(VENUES)}; one of your own is path.py:NAME or module:NAME)"
        )
    module, name = split_own("venue", where)
    found: Any = getattr(_module(wanted, module), name, None)
    if not hasattr(found, "speak") or isinstance(found, type):
        raise ConfigurationError(f"venue {shown(wanted)}: {module} has no venue {name!r}")
    venue: Venue = found
    return venue


def _module(wanted: str, name: str) -> Any:
    """A module by its name, or by the path of its file; a file is loaded once."""
    path = str(Path(name).resolve())
    if name.endswith(".py") and not Path(path).is_file():
        raise ConfigurationError(f"venue {wanted}: no file {name!r}")
    try:
        if not name.endswith(".py"):
            return importlib.import_module(name)
        known = f"venue_{Path(name).stem}"
        if known not in sys.modules or sys.modules[known].__file__ != path:
            spec = importlib.util.spec_from_file_location(known, path)
            assert spec is not None and spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            sys.modules[known] = module
        return sys.modules[known]
    except (Exception, SystemExit) as error:
        raise ConfigurationError(
            f"venue {shown(wanted)} can't be loaded: {type(error).__name__}: {error}"
        ) from error


def serve(
    venue: str | Venue,
    exchange: FailingExchange,
    *,
    keys: Keyring | None = None,
    limits: Any = None,
    places: Iterable[tuple[str, int]] | None = None,
    beside_limits: Mapping[str, Any] | None = None,
    **switches: bool,
) -> VenueServer:
    """Put an exchange behind a venue's own protocol; the exchange can still be called in process.

    `keys`: who may trade; without it one documented pair does. `limits`: as `Venue.limits` gives
    them. `places`: where it answers in a simulation, by default at production's. `beside_limits`:
    the limits of products beside it, by name.

    Raises ConfigurationError for a switch or an API key that the venue does not have, or for a day
    (`as_of` of the exchange) on which its API is not known.
    """
    found = venue_of(venue)
    found.check_as_of(exchange.venue.as_of)
    given = {name: on for name, on in switches.items() if on}
    for name in given:
        if name not in found.switches:
            raise ConfigurationError(
                f"venue {found.name} has no switch {name!r}{did_you_mean(name, found.switches)} "
                f"(known: {', '.join(found.switches) or 'none'})"
            )
    return VenueServer(
        exchange,
        found,
        keys=keys,
        limits=limits,
        places=places,
        beside_limits=beside_limits,
        **given,
    )


def like_production(
    venue: str | Venue,
    *,
    keys: Keyring | None = None,
    limits: Any = None,
    places: Iterable[tuple[str, int]] | None = None,
    beside_limits: Mapping[str, Any] | None = None,
    switches: Mapping[str, bool] | None = None,
    **options: Any,
) -> VenueServer:
    """A new exchange of its own behind a venue's protocol, with production's market filters.

    `options` are those of `FailingExchange`; `markets` that have rules of their own keep them. The
    others are as for `serve`.
    """
    found = venue_of(venue)
    return serve(
        found,
        production_exchange(found, options),
        keys=keys,
        limits=limits,
        places=places,
        beside_limits=beside_limits,
        **switches or {},
    )


def production_exchange(venue: Venue, options: Mapping[str, Any]) -> FailingExchange:
    """An exchange whose markets, by argument or scenario, have this venue's production filters."""
    from failing_exchange.client.exchange import FailingExchange
    from failing_exchange.venue.default_world import listings_of

    given, scenario, journal = (options.get(n) for n in ("markets", "scenario", "journal"))
    if given is None:
        known = getattr(journal, "metadata", {})  # of a durable one: it goes on with its scenario
        scenario = scenario or known.get("scenario")
        if scenario is not None:
            # late: with it come all faults, which few venues need
            from failing_exchange.scenarios.scenario import load

            given = load(str(scenario)).arguments["markets"]
    by_kind = {kind: one for one in venue.served() for kind in one.kinds}
    listings = listings_of(given, options.get("fees"), tuple(by_kind)).values()
    markets = []
    for one in listings:
        product = by_kind.get(one.market.kind)
        if product is None:
            raise ConfigurationError(
                f"{venue.title} does not list {one.market.symbol}: its markets are of the kind "
                f"{' or '.join(by_kind)}, this one is {one.market.kind}"
            )
        markets.append(one._replace(market=product.as_in_production(one.market)))
    return FailingExchange(**{**options, "markets": markets})
