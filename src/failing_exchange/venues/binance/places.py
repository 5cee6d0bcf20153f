"""Where Binance Spot is reached, and what of Binance is simulated.

Source: rest-api.md, web-socket-streams.md and web-socket-api.md, "General Information", 2026-07-21;
of demo mode: demo-mode/general-info.md, read 2026-12-01 ("always has the same features as the live
exchange", limits and filters "exactly the same").
"""

from __future__ import annotations

PLACES: tuple[tuple[str, int], ...] = (
    *((f"api{n}.binance.com", 443) for n in ("", "1", "2", "3", "4", "-gcp")),
    ("data-api.binance.vision", 443),
    ("stream.binance.com", 443),
    ("stream.binance.com", 9443),
    ("data-stream.binance.vision", 443),
    ("data-stream.binance.vision", 9443),
    ("ws-api.binance.com", 443),
    ("ws-api.binance.com", 9443),
    # Demo mode
    ("demo-api.binance.com", 443),
    ("demo-stream.binance.com", 443),
    ("demo-stream.binance.com", 9443),
    ("demo-ws-api.binance.com", 443),
)
# COIN-M, without contracts: ccxt asks for them when it starts.
NO_CONTRACTS: tuple[tuple[str, int], ...] = (
    ("dapi.binance.com", 443),
    ("demo-dapi.binance.com", 443),
)
SIMULATED = (
    "Binance Spot and USD-M futures are simulated, under their names of production and demo mode; "
    "COIN-M, margin, options, the test network of Spot and other exchanges are not"
)
CCXT_IDS: tuple[str, ...] = ("binance", "binanceusdm")  # of ccxt's classes for it
PRODUCTS: tuple[str, ...] = ("spot", "swap", "future")  # what ccxt's option defaultType may be
