"""Binance USD-M futures as a venue: where it is reached, and what of it is simulated.

Hosts: "General Info", 2026-08-19. ccxt asks api.binance.com for currencies when it starts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from failing_exchange.venues.base import Venue
from failing_exchange.venues.binance_common.impossible import IMPOSSIBLE
from failing_exchange.venues.binance_common.signing import check_key
from failing_exchange.venues.binance_usdm.dialect import UsdmDialect
from failing_exchange.venues.binance_usdm.production_contracts import as_in_production
from failing_exchange.venues.binance_usdm.usdm_changes import CHANGES
from failing_exchange.venues.binance_usdm.usdm_limits import LIMITS

if TYPE_CHECKING:
    from failing_exchange.core.market import Market
    from failing_exchange.server.api_keys import Key, Keyring
    from failing_exchange.venue import venue as running
    from failing_exchange.venues.binance_common.metering import VenueLimits
    from failing_exchange.venues.binance_usdm.usdm_examples import UsdmExamples

ABOUT = (
    "Binance USD-M futures are simulated, under their names of production and demo mode: REST, "
    "streams and the WebSocket API; COIN-M, options, portfolio margin, the test network of Spot "
    "and other exchanges are not"
)
# Demo mode has the place of the test network: "General Info" (2025-11-24) names demo-fapi beside
# fstream.binancefuture.com, and "WebSocket API General Info" testnet.binancefuture.com/ws-fapi/v1.
DEMO = (
    ("demo-fapi.binance.com", 443),
    ("demo-fstream.binance.com", 443),
    ("fstream.binancefuture.com", 443),
    ("testnet.binancefuture.com", 443),
)


class BinanceUsdm(Venue):
    """Binance USD-M futures: perpetual contracts that settle in USDT or another dollar."""

    name = "binance-usdm"
    title = "Binance USD-M"
    about = ABOUT
    places = (
        ("fapi.binance.com", 443),
        ("fstream.binance.com", 443),
        ("ws-fapi.binance.com", 443),
        *DEMO,
    )
    fallback_places = (("api.binance.com", 443), ("demo-api.binance.com", 443))
    kinds = ("linear",)
    paths = ("/fapi/", "/futures/", "/ws-fapi/", "/public/", "/market/", "/private/")
    ccxt_ids = ("binanceusdm",)
    products = ("swap", "future")
    impossible = IMPOSSIBLE
    changes = CHANGES

    def as_in_production(self, market: Market) -> Market:
        """With production's filters, where it is one that they are known of."""
        return as_in_production(market)

    def limits(self, accelerate: int = 1) -> VenueLimits:
        """Those of an address and an account."""
        return LIMITS.accelerated(accelerate)

    def check_key(self, key: Key) -> None:
        """Letters and digits; HMAC, RSA or Ed25519; the permissions of the documents."""
        check_key(key)

    def examples(self) -> UsdmExamples:
        """A right request for each endpoint."""
        from failing_exchange.venues.binance_usdm.usdm_examples import UsdmExamples

        return UsdmExamples()

    def speak(
        self,
        venue: running.RunningVenue,
        keys: Keyring,
        limits: VenueLimits | None = None,
        **switches: bool,
    ) -> UsdmDialect:
        """REST, market streams, user streams and the WebSocket API."""
        return UsdmDialect(venue, keys, limits)


BINANCE_USDM = BinanceUsdm()
