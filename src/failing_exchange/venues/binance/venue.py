"""Binance Spot as a venue, and the public way to put it on the wire: `Binance`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from failing_exchange.server.venue_server import VenueServer
from failing_exchange.venues.base import Venue, production_exchange
from failing_exchange.venues.binance.dialect import SpotDialect
from failing_exchange.venues.binance.markets import as_in_production
from failing_exchange.venues.binance.places import (
    CCXT_IDS,
    NO_CONTRACTS,
    PLACES,
    PRODUCTS,
    SIMULATED,
)
from failing_exchange.venues.binance.spot_changes import CHANGES
from failing_exchange.venues.binance_common.impossible import IMPOSSIBLE
from failing_exchange.venues.binance_common.metering import VenueLimits
from failing_exchange.venues.binance_common.signing import check_key

if TYPE_CHECKING:
    from failing_exchange.client.exchange import FailingExchange
    from failing_exchange.core.market import Market
    from failing_exchange.server.api_keys import Key, Keyring
    from failing_exchange.venue import venue as running
    from failing_exchange.venues.binance.spot_examples import SpotExamples


SWITCHES = {
    "legacy_listen_keys": "user streams by listen key, as until 2026-02-20; otherwise 410",
}
MOVED = "of futures: conditional orders have moved to another service"
NOT_HERE = {**IMPOSSIBLE, "orders_moved_service": MOVED}


class BinanceSpot(Venue):
    """Binance Spot."""

    name = "binance"
    title = "Binance Spot"
    about = SIMULATED
    places = PLACES
    fallback_places = NO_CONTRACTS
    beside: tuple[str, ...] = ("binance-usdm",)
    ccxt_ids = CCXT_IDS
    products = PRODUCTS
    switches = SWITCHES
    impossible = NOT_HERE
    changes = CHANGES

    def as_in_production(self, market: Market) -> Market:
        """With production's filters, where it is one of the five."""
        return as_in_production(market)

    def limits(self, accelerate: int = 1) -> VenueLimits:
        """Those of an address and an account."""
        return VenueLimits().accelerated(accelerate)

    def check_key(self, key: Key) -> None:
        """Letters and digits; HMAC, RSA or Ed25519; the permissions of rest-api.md."""
        check_key(key)

    def examples(self) -> SpotExamples:
        """A right request for each endpoint."""
        from failing_exchange.venues.binance.spot_examples import SpotExamples

        return SpotExamples()

    def speak(
        self,
        venue: running.RunningVenue,
        keys: Keyring,
        limits: VenueLimits | None = None,
        **switches: bool,
    ) -> SpotDialect:
        """REST, market streams, user streams and the WebSocket API."""
        return SpotDialect(venue, keys, limits, **switches)


BINANCE = BinanceSpot()


class Binance(VenueServer):
    """A venue that speaks Binance Spot; `exchange` is the same venue in process.

    `keys`: who may trade. Without it one documented pair trades for the account `main`; in a
        simulation so does any other well-formed key.
    `limits`: what an address and an account may do; without it production's.
    `legacy_listen_keys`: user streams by listen key, as before 2026-02-20; without it 410.
    `places`: the hosts and ports it answers under in a simulation, by default production's.

    >>> from failing_exchange import FailingExchange
    >>> venue = Binance(FailingExchange(seed=7))
    """

    exchange: FailingExchange
    dialect: SpotDialect

    def __init__(
        self,
        exchange: FailingExchange,
        *,
        keys: Keyring | None = None,
        limits: VenueLimits | None = None,
        places: Iterable[tuple[str, int]] | None = None,
        legacy_listen_keys: bool = False,
    ) -> None:
        super().__init__(
            exchange,
            BINANCE,
            keys=keys,
            limits=limits,
            places=places,
            legacy_listen_keys=legacy_listen_keys,
        )

    @classmethod
    def like_production(
        cls,
        *,
        keys: Keyring | None = None,
        limits: VenueLimits | None = None,
        places: Iterable[tuple[str, int]] | None = None,
        legacy_listen_keys: bool = False,
        **options: Any,
    ) -> Binance:
        """A venue of its own, whose markets have production's filters (`serve`, `simulate`).

        `options` are those of `FailingExchange`; `markets` that have rules of their own keep them.
        The others are as for `Binance(...)`.

        >>> venue = Binance.like_production(seed=7)
        >>> venue.exchange.venue.markets["BTC/USDT"].orders_max
        200
        """
        return cls(
            production_exchange(BINANCE, options),
            keys=keys,
            limits=limits,
            places=places,
            legacy_listen_keys=legacy_listen_keys,
        )
