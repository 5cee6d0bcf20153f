"""What a bot takes for its equity is its wallet and unrealised profit (I13)."""

from __future__ import annotations

from collections.abc import Mapping

from failing_exchange.core.margin_queries import fetch_margin
from failing_exchange.core.queries import FetchMargin
from failing_exchange.core.reject import Reject
from failing_exchange.core.units import ATOMS, SECOND
from failing_exchange.faults.operations import BALANCE, POSITION_READS
from failing_exchange.journal.trip import Trip
from failing_exchange.judge.probe import Sample
from failing_exchange.judge.rule import Rule, Severity

NOTICED = 0.01  # units of an asset; a smaller difference is rounding


class Equity(Rule):
    """I13 of contracts: locked margin is not a loss, and a draw-down is what there was.

    The bot says by its notebook or its probe what it takes for its equity, and for the highest
    since the start. `share`: by how much of the true one it may be wrong; `times`: in how many
    minutes in a row. A read of money that a fault has struck excuses it for `grace_s`.
    """

    name = "equity"
    invariant = "I13"
    severity = Severity.DANGER
    sentence = "What the bot takes for its equity, and its peak, is wallet and unrealised profit."
    care = "reckons with the wallet and unrealised profit, and takes both from one answer."

    def __init__(self, *, share: float = 0.02, times: int = 3, grace_s: float = 300.0) -> None:
        super().__init__()
        self.share = share
        self.times = times
        self.grace_s = grace_s
        self.unknown = "what the bot takes for its equity is not known: give it a probe"
        self._peaks: dict[str, float] = {}
        self._in_a_row: dict[tuple[str, str], int] = {}
        self._excused_until = 0

    def told(self, trip: Trip) -> None:
        """Note reads of money that were not true, or did not come."""
        if trip.struck and trip.operation in (*BALANCE, *POSITION_READS, "watch_balance"):
            self._excused_until = trip.ended_at + round(self.grace_s * SECOND)

    def sampled(self, sample: Sample) -> None:
        """Compare, each minute."""
        if not sample.equity and not sample.peak_equity:
            return
        try:
            true = self._true(sample.at)
        except Reject:
            self.unknown = "the account has no futures wallet"
            return
        for asset, amount in true.items():
            self._peaks[asset] = max(amount, self._peaks.get(asset, amount))
        self._compare("equity", sample.equity, true, sample.at)
        self._compare("peak equity", sample.peak_equity, self._peaks, sample.at)

    def _true(self, at: int) -> dict[str, float]:
        """Wallet and unrealised profit, by asset."""
        facts = self.context.facts
        found = fetch_margin(facts.engine.state, FetchMargin(facts.account), at).assets
        return {
            asset: (one.wallet + one.isolated + one.unrealised + one.isolated_unrealised) / ATOMS
            for asset, one in found.items()
        }

    def _compare(
        self, what: str, believed: Mapping[str, float] | None, true: Mapping[str, float], at: int
    ) -> None:
        for asset, amount in (believed or {}).items():
            self.unknown = ""
            right, key = true.get(asset, 0.0), (what, asset)
            wrong = abs(amount - right) > max(NOTICED, self.share * abs(right))
            if not wrong or at < self._excused_until:
                self._in_a_row[key] = 0
                continue
            self._in_a_row[key] = self._in_a_row.get(key, 0) + 1
            if self._in_a_row[key] == self.times:
                self.breach(
                    f"took {amount:,.2f} {asset} for its {what}, which was {right:,.2f}", at=at
                )
