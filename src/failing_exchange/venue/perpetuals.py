"""The perpetuals of the default world: steps, fees, brackets and funding as on Binance USD-M."""

from __future__ import annotations

from failing_exchange.core.collateral import Collateral
from failing_exchange.core.contract import Contract, brackets_of
from failing_exchange.core.market import Market
from failing_exchange.core.units import ATOMS

# Of a regular user (VIP 0), in parts per million.
MAKER_FEE, TAKER_FEE = 200, 500

# Up to which notional (in thousands of USDT) which leverage, at which maintenance rate (in parts
# per million). BTC's first four rows are those of 2026-09, from 150x; the rest, ETH and SOL are
# those of 2024-10-17, for no later table was found.
BRACKETS: dict[str, tuple[tuple[int, int, int], ...]] = {
    "BTC": (
        (300, 150, 4_000), (800, 100, 5_000), (3_000, 75, 6_500), (12_000, 50, 10_000),
        (70_000, 25, 20_000), (100_000, 20, 25_000), (230_000, 10, 50_000), (480_000, 5, 100_000),
        (600_000, 4, 125_000), (800_000, 3, 150_000), (1_200_000, 2, 250_000),
        (1_800_000, 1, 500_000),
    ),
    "ETH": (
        (50, 125, 4_000), (600, 100, 5_000), (3_000, 75, 6_500), (12_000, 50, 10_000),
        (50_000, 25, 20_000), (65_000, 20, 25_000), (150_000, 10, 50_000), (320_000, 5, 100_000),
        (400_000, 4, 125_000), (530_000, 3, 150_000), (800_000, 2, 250_000),
        (1_200_000, 1, 500_000),
    ),
    "SOL": (
        (20, 100, 5_000), (100, 75, 6_500), (800, 50, 10_000), (4_000, 25, 20_000),
        (8_000, 20, 25_000), (40_000, 10, 50_000), (80_000, 5, 100_000), (100_000, 4, 125_000),
        (200_000, 2, 250_000), (400_000, 1, 500_000),
    ),
}  # fmt: skip
# Atoms of a tick and of a lot, the least notional in USDT, and the cap of funding in atoms: 0.75
# times the first maintenance rate.
FEE_ASSET = "BNB"  # in which trading fees cost less
STEPS: dict[str, tuple[int, int, int, int]] = {
    "BTC": (10**7, 10**5, 50, 300_000),
    "ETH": (10**6, 10**5, 20, 300_000),
    "SOL": (10**6, 10**6, 5, 375_000),
}


def _volatile(buffer: int, threshold: int = 0) -> Collateral:
    """An asset with the price of its contract; the auto-exchange takes half of the buffer."""
    return Collateral(None, buffer, buffer, buffer // 2, buffer // 2, threshold)


STABLE = Collateral(ATOMS, 100, 100, 100, 100, 5_000 * ATOMS)
# Collateral of the multi-assets mode, of a regular user. The collateral ratio is 1 - bid_buffer.
COLLATERAL: dict[str, Collateral] = {
    "USDT": STABLE,
    "USDC": STABLE,
    "BTC": _volatile(50_000, ATOMS // 10),
    "ETH": _volatile(50_000),
    "BNB": _volatile(50_000),
    "SOL": _volatile(100_000),
    "XRP": _volatile(100_000),
    "ADA": _volatile(100_000),
    "DOT": _volatile(100_000),
}


def _perpetual(base: str) -> Market:
    tick, lot, notional, cap = STEPS[base]
    rows = [(most * 1_000 * ATOMS, leverage, rate) for most, leverage, rate in BRACKETS[base]]
    return Market(
        symbol=f"{base}/USDT:USDT", base=base, quote="USDT", kind="linear",
        price_step=tick, amount_step=lot, cost_min=notional * ATOMS,
        maker_fee=MAKER_FEE, taker_fee=TAKER_FEE,
        contract=Contract(
            settle="USDT", brackets=brackets_of(rows), funding_cap=cap, funding_floor=-cap,
            fee_asset=FEE_ASSET,
        ),
    )  # fmt: skip


PERPETUALS: dict[str, Market] = {one.symbol: one for one in map(_perpetual, BRACKETS)}
