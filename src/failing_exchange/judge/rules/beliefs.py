"""What a bot believes, against the first column (I2, I7, I13): by a probe, or from outside."""

from __future__ import annotations

from collections.abc import Iterator

from failing_exchange.core.order import Fill, Side
from failing_exchange.core.reject import Reject
from failing_exchange.core.units import ATOMS, SECOND
from failing_exchange.journal.trip import Edited, Trip
from failing_exchange.judge.answers import received
from failing_exchange.judge.facts import NEVER, Facts, OrderFacts
from failing_exchange.judge.false_reads import reached, told_falsely
from failing_exchange.judge.holdings import NOTICED_MONEY
from failing_exchange.judge.probe import Sample
from failing_exchange.judge.products import product_of
from failing_exchange.judge.rule import Rule, RunEnd, Severity
from failing_exchange.judge.rules.account_reads import LOCKED_OUT, ReadsItsAccount
from failing_exchange.judge.true_amounts import is_near, true_balance, true_position
from failing_exchange.judge.wording import describe_failure, request_name
from failing_exchange.text.durations import span

INFERRED = (
    "the bot was told of some fills only by their traces (balances, lists): give it a probe, so "
    "that it can be asked what it made of them"
)
STALE_S = 150.0  # seconds; a bot is asked each minute, and may fail to answer once


class Converges(ReadsItsAccount):
    """I2: some time after the last fault, what the bot believes is what is.

    With a probe its positions, open orders and cash are compared; without, an order it was never
    told of and fills that stay unknown to it show that it can't be right. `within_s`: the time;
    `grace_s`: what happened so shortly before it was asked, and was not told, a belief may lack.
    """

    name = "converges"
    invariant = "I2"
    severity = Severity.MONEY
    sentence = "Soon after the last fault the bot's orders, position and cash are the exchange's."
    care = "reads its orders and fills from the venue now and then, and books each once."

    def __init__(self, *, within_s: float = 300.0, grace_s: float = 60.0) -> None:
        super().__init__()
        self.within_s = within_s
        self.grace_s = grace_s
        self._last: Sample | None = None
        self._accused: dict[int, None] = {}  # orders of which is told already

    def sampled(self, sample: Sample) -> None:
        """Keep the newest beliefs; they are compared at the end."""
        self._last = sample

    def ended(self, end: RunEnd) -> None:
        """Compare beliefs with the truth, if the last fault is long enough ago."""
        if self.is_locked_out:
            self.unknown = LOCKED_OUT
            return
        if end.at - end.last_fault_at < self.within_s * SECOND:
            self.unknown = f"the run ended less than {span(self.within_s)} after the last fault"
            return
        if self._last is not None and end.at - self._last.at > STALE_S * SECOND:
            self.unknown = f"the bot has not said for {span(STALE_S)} what it believes"
            return
        self._accused = {}
        self._strangers(end)
        if self._last is None:
            self._unaware(end)
        else:
            for text, money in self._differences(self._last, end.at):
                self.breach(text, money=money, at=end.at)

    def _strangers(self, end: RunEnd) -> None:
        """Report open orders that the bot was never told of."""
        facts = self.context.facts
        believed = () if self._last is None else self._last.open_orders or ()
        for known in facts.orphans():
            late = end.at - known.accepted_at > self.within_s * SECOND
            is_believed = known.order.client_id in believed or str(known.order.id) in believed
            if not known.order.is_open or not late or is_believed or self._excuse(known):
                continue
            placed = known.placed_by
            self._accused[known.order.id] = None
            self.breach(
                f"was never told of order {known.order.id}, which is open{_because(placed)}",
                *(() if placed is None else (placed,)),
                row=repr(known.order),
                money=facts.money(known.symbol, known.order.remaining, end.at),
                at=known.accepted_at,
            )

    def _excuse(self, known: OrderFacts) -> bool:
        """Whether the bot asked about an order, and its newest answer was false."""
        if known.false_by is not None:
            self.unknown = told_falsely(known)
        return known.false_by is not None

    def _unaware(self, end: RunEnd) -> None:
        """Report fills that a bot without a probe was never told of: it can't know what it owns.

        A bot that has read its balances since, or a list without the order, may have concluded
        what happened; then the rule is not judged.
        """
        facts = self.context.facts
        for known in facts.orders.values():
            if not known.unaware or end.at - known.order.updated_at <= self.within_s * SECOND:
                continue
            if known.order.forced:  # `books_forced` is broken instead
                continue
            if facts.exposure[known.symbol].now <= 0 or self._excuse(known):
                continue
            if could_infer(facts, known):
                self.unknown = INFERRED
            else:
                self._never_told(known)

    def _never_told(self, known: OrderFacts) -> None:
        facts, placed = self.context.facts, known.placed_by
        at = known.order.updated_at
        market = facts.market(known.symbol)
        did = "bought" if known.order.side is Side.BUY else "sold"
        amount = market.amount_text(known.unaware)
        self.breach(
            f"never learned that it {did} {amount} {market.base}{why_unaware(known)}",
            *(() if placed is None else (placed,)),
            row=repr(known.order),
            money=facts.quote_money(known.symbol, known.unaware_cost, at),
            at=at,
        )

    def _differences(self, sample: Sample, at: int) -> Iterator[tuple[str, float | None]]:
        """Each wrong belief as text, and the money at risk."""
        for symbol, believed in (sample.positions or {}).items():
            yield from self._position(symbol, believed, sample.at, at)
        if sample.open_orders is not None:
            since = sample.at - int(self.grace_s * SECOND)
            yield from self._open_orders(sample.open_orders, since, at)
        for asset, believed in (sample.balances or {}).items():
            yield from self._balance(asset, believed, sample.at, at)

    def _position(
        self, symbol: str, believed: float, asked_at: int, at: int
    ) -> Iterator[tuple[str, float | None]]:
        facts = self.context.facts
        market = facts.market(symbol)
        states = true_position(facts, symbol, asked_at, self.grace_s).allowed(
            asked_at, self.grace_s
        )

        def near(state: int) -> bool:
            return is_near(state, believed)

        forced = [_effect(facts, fill) for fill in facts.forced if fill.symbol == symbol]
        if reached(states, [*undone(facts, symbol), *forced], near):
            return
        misled = [k for k in facts.orders.values() if k.false_by and k.symbol == symbol]
        parts = [sum(_effect(facts, fill) for fill in facts.untold(k)) for k in misled]
        if misled and reached(states, parts, near):
            self._excuse(misled[-1])
            return
        true = states[0] / ATOMS
        lots = round(abs(true - believed) * ATOMS) // market.amount_step
        text = f"believes to hold {believed:.8g} {market.base} and holds {true:.8g}"
        yield text, facts.money(symbol, lots, at)

    def _balance(
        self, asset: str, believed: float, asked_at: int, at: int
    ) -> Iterator[tuple[str, float | None]]:
        facts = self.context.facts
        wallets = facts.wallets_meant(asset, believed)
        states = true_balance(facts, asset, wallets, asked_at, self.grace_s).allowed(
            asked_at, self.grace_s
        )

        def near(state: int) -> bool:
            return is_near(state, believed)

        if any(reached(states, parts, near) for parts in _of_other_rules(facts, asset)):
            return
        told = (facts.balances_false or {}).get(asset)
        if told is not None and is_near(told, believed):
            self.unknown = f"the newest balance of {asset} that the bot was told was false"
            return
        true = states[0] / ATOMS
        money = facts.value(asset, round(abs(true - believed) * ATOMS), at)
        if money is None or money > NOTICED_MONEY:
            yield f"believes to own {believed:.8g} {asset} and owns {true:.8g}", money

    def _open_orders(
        self, believed: tuple[str, ...], since: int, at: int
    ) -> Iterator[tuple[str, float | None]]:
        facts = self.context.facts
        are_open = facts.engine.state.accounts[facts.account].open.values()
        just_ended = (o for k in facts.orders.values() if (o := k.order).ended_at > since)
        names = {name for o in (*are_open, *just_ended) for name in (o.client_id, str(o.id))}
        for name in believed:
            if name not in names and not self._is_misled(name):
                yield f"believes that order {name} is open, and it is not", None
        for order in are_open:
            known = order.client_id in believed or str(order.id) in believed
            if known or order.created_at > since or order.id in self._accused:
                continue
            if not self._is_misled(str(order.id)):
                money = facts.money(order.symbol, order.remaining, at)
                yield f"does not know of its open order {order.id}", money

    def _is_misled(self, name: str) -> bool:
        facts = self.context.facts
        known = facts.orders.get(int(name)) if name.isdecimal() else None
        known = known or facts.named(name)
        return known is not None and self._excuse(known)


def could_infer(facts: Facts, known: OrderFacts) -> bool:
    """Whether a client can conclude that there were fills, from balances or a list of orders."""
    return known.absent_at != NEVER or facts.balances_told_at > known.order.updated_at


def _because(placed: Trip | None) -> str:
    return "" if placed is None else f", because {describe_failure(placed)}"


def why_unaware(known: OrderFacts) -> str:
    """Why a client does not know of an order's fills, as the end of a sentence."""
    trip = known.placed_by
    if trip is None:
        return ""
    answer = received(trip)
    if known.is_orphan or answer is None or isinstance(answer, (Reject, Edited)):
        return f", because {describe_failure(trip)} and it did not find out"
    return f": {request_name(trip)} was filled later, and it did not ask again"


def _of_other_rules(facts: Facts, asset: str) -> tuple[list[int], ...]:
    """What a balance may lack because of a fault that another rule reports: fees, or funding.

    As `reached` has them: atoms that the belief is short of the true balance. Not both at once, for
    then neither of those rules can tell it.
    """
    paid = [event.change for event in facts.funding if event.asset == asset]
    funding = [*paid[-2:], *(-one for one in paid[-2:]), sum(paid), -sum(paid)]
    return [-fees_of(facts).get(asset, 0)], [one for one in funding if one]


def fees_of(facts: Facts) -> dict[str, int]:
    """What the client has paid in fees, in atoms by asset."""
    fees: dict[str, int] = {}
    for known in facts.orders.values():
        for fill in known.order.fills:
            fees[fill.fee_asset] = fees.get(fill.fee_asset, 0) + fill.fee
    return fees


def undone(facts: Facts, symbol: str) -> list[int]:
    """What the fills that the venue has undone had added; orders show them still.

    A client may count them, or not: its orders say yes, and its balances say no.
    """
    busted = facts.engine.state.markets[symbol].busted
    orders = [known.order for known in facts.orders.values() if known.symbol == symbol and busted]
    return [_effect(facts, f) for order in orders for f in order.fills if f.trade_id in busted]


def _effect(facts: Facts, fill: Fill) -> int:
    """What a fill adds to what is held in its market, in atoms."""
    market = facts.market(fill.symbol)
    return product_of(market).gained(market, fill)


class Monotone(Rule):
    """I7: a closed order stays closed for the bot, and no trade is counted twice.

    `within_s`: how long after it was told the bot may still believe otherwise.
    """

    name = "monotone"
    invariant = "I7"
    severity = Severity.MONEY
    sentence = "For the bot, too, an ended order stays ended and each trade counts once."
    care = "books each trade by its id, and lets an ended order be."

    def __init__(self, *, within_s: float = 120.0) -> None:
        super().__init__()
        self.within_s = within_s
        self.unknown = "the bot has no probe, and what it believes can't be seen from outside"
        self._noted: dict[str, None] = {}

    def sampled(self, sample: Sample) -> None:
        """Compare beliefs with what the bot was told."""
        facts = self.context.facts
        if sample.open_orders is not None or sample.positions is not None:
            self.unknown = ""
        for known in facts.orders.values() if sample.open_orders else ():
            names = [str(known.order.id)]
            if facts.named(known.order.client_id, known.symbol) is known:  # no later order has it
                names.append(known.order.client_id)
            at = known.truly_ended_at  # told of an end that was none, it may believe otherwise
            old = at and sample.at - at > self.within_s * SECOND
            if old and any(name in (sample.open_orders or ()) for name in names):
                self._once(
                    f"order {known.order.id}", sample.at,
                    f"believes order {known.order.id} open, which it was told has ended",
                )  # fmt: skip
        for symbol, believed in (sample.positions or {}).items():
            self._counted(symbol, believed, sample.at)

    def _counted(self, symbol: str, believed: float, at: int) -> None:
        """Report a position that is larger than all trades together: something counted twice."""
        facts = self.context.facts
        market = facts.market(symbol)
        lots = round(believed * ATOMS) / market.amount_step
        bought, sold = (facts.traded.lots.get((symbol, side), 0) for side in (Side.BUY, Side.SELL))
        if lots > bought + 1 or lots < -sold - 1:
            self._once(
                symbol, at,
                f"believes to hold {believed:.8g} {market.base}, more than all its trades make",
            )  # fmt: skip

    def _once(self, name: str, at: int, text: str) -> None:
        if name not in self._noted:
            self._noted[name] = None
            self.breach(text, at=at)


class BooksFees(Rule):
    """I13, booking: the fee is booked in the asset in which it was charged."""

    name = "books_fees"
    invariant = "I13"
    severity = Severity.MONEY
    sentence = "Fees are booked in the asset in which they were charged."
    care = "books each fee in the asset in which it was charged."

    def __init__(self) -> None:
        super().__init__()
        self.unknown = "the bot has no probe of its balances"
        self._last: Sample | None = None

    def sampled(self, sample: Sample) -> None:
        """Keep the newest balances."""
        if sample.balances is not None:
            self.unknown = ""
            self._last = sample

    def ended(self, end: RunEnd) -> None:
        """Check for balances that are wrong by exactly the fees."""
        if self._last is None or self._last.balances is None:
            return
        facts = self.context.facts
        for asset, fee in fees_of(facts).items():
            if asset not in self._last.balances or not fee:
                continue
            believed = self._last.balances[asset]
            wallets = facts.wallets_meant(asset, believed)
            true = true_balance(facts, asset, wallets, self._last.at)
            surplus = believed * ATOMS - true.atoms
            if any(is_near(atoms, believed) for atoms in true.allowed(self._last.at)):
                continue
            if abs(surplus - fee) <= max(1, fee // 100):
                self.breach(
                    f"believes to own {surplus / ATOMS:.8f} {asset} more than it does: the fees",
                    money=facts.value(asset, fee, end.at),
                    at=end.at,
                )
