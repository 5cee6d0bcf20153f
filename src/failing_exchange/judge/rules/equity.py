"""What a bot takes for its equity is its wallet and unrealised profit (I13)."""

from __future__ import annotations

from failing_exchange.core.margin_queries import fetch_margin
from failing_exchange.core.queries import FetchMargin
from failing_exchange.core.reject import Reject
from failing_exchange.core.units import ATOMS, SECOND
from failing_exchange.faults.operations import BALANCE, POSITION_READS
from failing_exchange.journal.trip import Trip
from failing_exchange.judge.probe import Sample
from failing_exchange.judge.rule import Rule, RuleContext, Severity

NOTICED = 0.01  # units of an asset; a smaller difference is rounding
EQUITY_READS = (*BALANCE, "watch_balance")
MONEY_READS = (*EQUITY_READS, *POSITION_READS)


class Equity(Rule):
    """I13 of contracts: locked margin is not a loss, and a draw-down is what there was.

    The bot says by its notebook or its probe what it takes for its equity, and for the highest
    since the start. `share`: by how much of the true one it may be wrong; `times`: in how many
    minutes in a row. What was true since the bot last read its balance counts as true; what lay
    between two reads of it need not be in the peak. A read of money that a fault has struck
    excuses the bot for `grace_s`, and a peak that is too high for good.
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
        self._peaks: dict[str, float] = {}  # of each minute, and of each read of money
        self._read: dict[str, float] = {}  # the highest that a read has found
        self._since_read: dict[str, tuple[float, float]] = {}  # lowest and highest
        self._in_a_row: dict[tuple[str, str], int] = {}
        self._excused_until = 0
        self._told_false = False  # a false answer may have been a peak

    def begin(self, context: RuleContext) -> None:
        """Note the equity before the first message: a loss may come before the first minute."""
        super().begin(context)
        self._note(context.now())

    def told(self, trip: Trip) -> None:
        """Note the equity that was read, or that the read was false or did not come."""
        if trip.operation not in MONEY_READS:
            return
        if trip.struck:
            self._excused_until = trip.ended_at + round(self.grace_s * SECOND)
            self._told_false = self._told_false or not trip.failed
        elif trip.operation in EQUITY_READS and not trip.failed:
            self._since_read.clear()
            for asset, amount in self._note(trip.ended_at).items():
                self._read[asset] = max(amount, self._read.get(asset, amount))

    def sampled(self, sample: Sample) -> None:
        """Compare, each minute."""
        if not sample.equity and not sample.peak_equity:
            return
        true = self._note(sample.at)
        if not true:
            self.unknown = "the account has no futures wallet"
            return
        for asset, amount in (sample.equity or {}).items():
            low, high = self._since_read.get(asset, (0.0, 0.0))
            nearest = amount if low <= amount <= high else true.get(asset, 0.0)
            self._compare("equity", asset, amount, nearest, sample.at)
        for asset, amount in (sample.peak_equity or {}).items():
            self._compare("peak equity", asset, amount, self._peak(asset, amount), sample.at)

    def _note(self, at: int) -> dict[str, float]:
        """The equity at this time, by asset, as part of what was true; empty without a wallet."""
        try:
            true = self._true(at)
        except Reject:
            return {}
        for asset, amount in true.items():
            self._peaks[asset] = max(amount, self._peaks.get(asset, amount))
            low, high = self._since_read.get(asset, (amount, amount))
            self._since_read[asset] = min(low, amount), max(high, amount)
        return true

    def _peak(self, asset: str, believed: float) -> float:
        """The true peak that is nearest to the belief."""
        highest = self._peaks.get(asset, 0.0)
        if believed > highest:
            return believed if self._told_false else highest
        return max(believed, self._read.get(asset, believed))

    def _true(self, at: int) -> dict[str, float]:
        """Wallet and unrealised profit, by asset."""
        facts = self.context.facts
        found = fetch_margin(facts.engine.state, FetchMargin(facts.account), at).assets
        return {
            asset: (one.wallet + one.isolated + one.unrealised + one.isolated_unrealised) / ATOMS
            for asset, one in found.items()
        }

    def _compare(self, what: str, asset: str, believed: float, true: float, at: int) -> None:
        self.unknown = ""
        key = (what, asset)
        wrong = abs(believed - true) > max(NOTICED, self.share * abs(true))
        if not wrong or at < self._excused_until:
            self._in_a_row[key] = 0
            return
        self._in_a_row[key] = self._in_a_row.get(key, 0) + 1
        if self._in_a_row[key] == self.times:
            self.breach(
                f"took {believed:,.2f} {asset} for its {what}, which was {true:,.2f}", at=at
            )
