"""Collateral of the multi-assets mode: its terms, and what an asset is worth in US dollars.

Sources: Binance FAQ, "How to Calculate Margin Ratio in the Multi-Assets Mode" (2022-07-06, copy
with USDC); "Multi-Asset Info" (trading rules: collateral ratios, thresholds of the auto-exchange);
"Asset Index", 2026-08-19 (the buffers of stable coins are those of its stream's example).
"""

from __future__ import annotations

from typing import NamedTuple

from failing_exchange.core.units import ATOMS, PPM

USD = "USD"  # what the collateral of an account is counted in; no wallet holds it


class Collateral(NamedTuple):
    """The terms of an asset as collateral; buffers are in parts per million of its index.

    `price`: atoms of a dollar; None: the index price of the contract on this asset. A wallet that
    owes more than `threshold` atoms is refilled from the other assets at once.
    """

    price: int | None
    bid_buffer: int
    ask_buffer: int
    exchange_bid_buffer: int
    exchange_ask_buffer: int
    threshold: int = 0


class Rates(NamedTuple):
    """What one unit of an asset is worth, in atoms of a dollar.

    A balance counts at `bid`, a debt and a margin at `ask`. The auto-exchange sells at
    `exchange_bid` and buys at `exchange_ask`.
    """

    price: int
    bid: int
    ask: int
    exchange_bid: int
    exchange_ask: int

    def worth(self, atoms: int) -> int:
        """The worth of a balance, or (below 0) of a debt, rounded down.

        >>> Rates(99 * 10**6, 98_010_000, 99_495_000, 0, 0).worth(200 * ATOMS)
        19602000000
        """
        return atoms * (self.bid if atoms >= 0 else self.ask) // ATOMS

    def needed(self, atoms: int) -> int:
        """The worth of a margin in this asset, rounded up."""
        return -(-atoms * self.ask // ATOMS)

    def covered(self, dollars: int) -> int:
        """How many atoms of margin or debt some dollars cover; below 0: how many are missing."""
        return dollars * ATOMS // (self.ask if dollars >= 0 else self.bid)


def rates_at(index: int, terms: Collateral) -> Rates:
    """The rates of an asset by its index, rounded down as in the example of the document.

    >>> rates_at(192_957_370, Collateral(None, 100_000, 100_000, 50_000, 50_000))[1:]
    (173661633, 212253107, 183309501, 202605238)
    """
    return Rates(
        index,
        index * (PPM - terms.bid_buffer) // PPM,
        index * (PPM + terms.ask_buffer) // PPM,
        index * (PPM - terms.exchange_bid_buffer) // PPM,
        index * (PPM + terms.exchange_ask_buffer) // PPM,
    )


# ---- commands


class SetMultiAssets(NamedTuple):
    """Let all assets of the futures wallet carry all positions, or each asset its own."""

    account: str
    enabled: bool


class SetFeeBurn(NamedTuple):
    """Pay trading fees of contracts with a discount in their fee asset, or no longer."""

    account: str
    enabled: bool


class ChangeCollateral(NamedTuple):
    """Change what an asset is worth as collateral; None: as before.

    `price`: atoms of a dollar, for an asset with a fixed one, such as a stable coin that loses its
    peg. Buffers are in parts per million of the index.
    """

    asset: str
    price: int | None = None
    bid_buffer: int | None = None
    ask_buffer: int | None = None
