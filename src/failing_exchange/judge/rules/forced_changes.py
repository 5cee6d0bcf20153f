"""What the venue does to a position enters the bot's books (I2), and funding enters once (I7)."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from failing_exchange.core.order import Fill
from failing_exchange.core.units import ATOMS, SECOND
from failing_exchange.judge.false_reads import PARTS_MAX, reached
from failing_exchange.judge.products import product_of
from failing_exchange.judge.rule import RunEnd, Severity
from failing_exchange.judge.rules.account_reads import LOCKED_OUT, ReadsItsAccount
from failing_exchange.judge.true_amounts import is_near, true_balance, true_position
from failing_exchange.text.durations import span

TIMES_MAX = 1_000  # that a payment is booked; more is not taken for funding
NOTICED_CASH = 1e-6  # units: sums of floats differ by less


class BooksForced(ReadsItsAccount):
    """I2 of contracts: liquidation, auto-deleveraging and settlement enter the bot's books.

    What it believes is known by its notebook or its probe; without, a bot that was not told of such
    a fill and has not read its positions since can't know of it. `within_s`: the time it has.
    """

    name = "books_forced"
    invariant = "I2"
    severity = Severity.MONEY
    sentence = "What the venue closed by force is in the bot's books."
    care = "books fills of orders that it did not send, and reads its positions now and then."

    def __init__(self, *, within_s: float = 300.0) -> None:
        super().__init__()
        self.within_s = within_s

    def ended(self, end: RunEnd) -> None:
        """Compare what the bot believes with what was closed."""
        if self.is_locked_out:
            self.unknown = LOCKED_OUT
            return
        due = end.at - self.within_s * SECOND
        by_symbol: dict[str, list[Fill]] = {}
        for fill in self.context.facts.forced:
            if fill.at <= due:
                by_symbol.setdefault(fill.symbol, []).append(fill)
        if not by_symbol:
            self.unknown = f"nothing was closed by force until {span(self.within_s)} before the end"
        elif end.last_fault_at > due:  # it may be waiting, as it was told to
            self.unknown = f"the run ended less than {span(self.within_s)} after the last fault"
            return
        for symbol, fills in by_symbol.items():
            self._check(symbol, fills, end)

    def _check(self, symbol: str, fills: list[Fill], end: RunEnd) -> None:
        believed = self.context.believed()
        if believed is None or believed.positions is None or symbol not in believed.positions:
            self._from_outside(symbol, fills, end)
            return
        facts, amount = self.context.facts, believed.positions[symbol]
        market = facts.market(symbol)
        states = true_position(facts, symbol, believed.at).allowed(believed.at)

        def near(state: int) -> bool:
            return is_near(state, amount)

        if any(map(near, states)):
            return
        if reached(states, (product_of(market).gained(market, fill) for fill in fills), near):
            self._accuse(symbol, fills, end, "did not book")
        else:
            self.unknown = f"its position in {symbol} is wrong for another reason"

    def _from_outside(self, symbol: str, fills: list[Fill], end: RunEnd) -> None:
        facts = self.context.facts
        orders = (facts.orders.get(fill.order_id) for fill in fills)
        untold = [known.order.id for known in orders if known is not None and known.unaware]
        missed = [fill for fill in fills if fill.order_id in untold]
        if not missed:
            return
        if facts.positions_told_at > missed[-1].at:
            self.unknown = "the bot has read its positions since: give it a probe, or a notebook"
        else:
            self._accuse(symbol, missed, end, "never learned of")

    def _accuse(self, symbol: str, fills: list[Fill], end: RunEnd, what: str) -> None:
        facts, first = self.context.facts, fills[0]
        lots = sum(fill.lots for fill in fills)
        order = facts.orders.get(first.order_id)
        by = "" if order is None else f" (order {order.order.client_id})"
        self.breach(
            f"{what} the forced close of {facts.market(symbol).amount_text(lots)} in {symbol}{by}",
            row="" if order is None else repr(order.order),
            money=facts.quote_money(symbol, sum(fill.cost for fill in fills), end.at),
            at=first.at,
        )


class FundingOnce(ReadsItsAccount):
    """I7 of contracts: each payment of funding is booked once.

    The bot's cash is that of its notebook or its probe. `grace_s`: payments so shortly before the
    end it need not have booked.
    """

    name = "funding_once"
    invariant = "I7"
    severity = Severity.MONEY
    sentence = "Each payment of funding is booked once."
    care = "books each payment of funding once, by its time and its market."

    def __init__(self, *, grace_s: float = 300.0) -> None:
        super().__init__()
        self.grace_s = grace_s

    def ended(self, end: RunEnd) -> None:
        """Look for cash that is wrong by payments of funding."""
        if self.is_locked_out:
            self.unknown = LOCKED_OUT
            return
        paid: dict[str, list[int]] = {}
        for event in self.context.facts.funding:
            paid.setdefault(event.asset, []).append(event.change)
        believed = self.context.believed()
        if not paid or believed is None or believed.balances is None:
            self.unknown = "the bot's cash is not known" if paid else "no funding was paid"
            return
        for asset, changes in paid.items():
            if asset in believed.balances:
                self._check(asset, changes, believed.balances[asset], end)
            else:
                self.unknown = f"what it believes to own of {asset} is not known"

    def _check(self, asset: str, changes: list[int], believed: float, end: RunEnd) -> None:
        facts = self.context.facts
        wallets = facts.wallets_meant(asset, believed)
        true = true_balance(facts, asset, wallets, end.at, self.grace_s)
        states = true.allowed(end.at, self.grace_s)

        def near(atoms: int) -> bool:
            return abs(atoms / ATOMS - believed) <= NOTICED_CASH

        if any(map(near, states)):
            return
        wrong = round(believed * ATOMS) - states[0]
        if reached(states[:1], _newest(changes), near) or near(states[0] - sum(changes)):
            what = "left out"
        elif any(_is_multiple(wrong, one) for one in (sum(changes), *_newest(changes))):
            what = "booked again"
        elif reached(states[:1], _newest([-one for one in changes]), near):
            what = "booked twice"
        else:
            self.unknown = f"what it believes to own of {asset} is wrong for another reason"
            return
        self.breach(
            f"{what} {abs(wrong) / ATOMS:.8f} {asset} of funding",
            money=facts.value(asset, abs(wrong), end.at),
            at=end.at,
        )


def _newest(parts: list[int]) -> Iterable[int]:
    return islice(reversed(parts), PARTS_MAX)


def _is_multiple(wrong: int, paid: int) -> bool:
    """Whether what is wrong is a multiple of a payment."""
    times = round(wrong / paid) if paid else 0
    tolerance = round(NOTICED_CASH * ATOMS) * max(1, times)
    return 0 < times <= TIMES_MAX and abs(wrong - times * paid) <= tolerance
