"""The contracts of these stories: BTC and ETH perpetuals with the steps of production."""

from __future__ import annotations

from typing import Any

from failing_exchange.core.contract import Contract, brackets_of
from failing_exchange.core.market import Market
from failing_exchange.core.units import ATOMS
from failing_exchange.server.venue_server import VenueServer
from failing_exchange.venues.base import like_production

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
CONTRACT = Contract(
    settle="USDT",
    fee_asset="BNB",
    brackets=brackets_of([
        (50_000 * ATOMS, 125, 4_000), (600_000 * ATOMS, 100, 5_000), (10**7 * ATOMS, 50, 10_000),
    ]),
)  # fmt: skip
CONTRACTS = [
    Market(
        symbol=f"{base}/USDT:USDT", base=base, quote="USDT", price_step=10**6, price_every=every,
        amount_step=10**5, kind="linear", maker_fee=200, taker_fee=500, contract=CONTRACT,
    )
    for base, every in (("BTC", 10), ("ETH", 1))
]  # fmt: skip


def usdm(**options: Any) -> VenueServer:
    """A venue that trades them, like production; nobody trades there but its clients."""
    options = {"markets": CONTRACTS, "latency": None, "background": False, **options}
    return like_production("binance-usdm", **options)
