"""How a bot trades contracts: modes (I15), one exit a position (I1), room for exits (I4)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from failing_exchange.core import events as e
from failing_exchange.core.collateral import SetMultiAssets
from failing_exchange.core.commands import (
    CancelConditional,
    CancelOrder,
    PlaceConditional,
    SetLeverage,
    SetMarginMode,
    SetPositionMode,
)
from failing_exchange.core.order import Order, PositionSide
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.units import SECOND
from failing_exchange.core.wanted_orders import orders_in
from failing_exchange.errors import ConfigurationError
from failing_exchange.journal.trip import Trip
from failing_exchange.judge.answers import is_success, received
from failing_exchange.judge.products import product_of, sign
from failing_exchange.judge.requested_orders import (
    described,
    parts_and_told,
    placed,
    requested,
)
from failing_exchange.judge.rule import Rule, RunEnd, Severity

ORDERS_NOTED_MAX = 10_000  # exits that are remembered, and orders on their way; the oldest goes
BRIEF_S = 5.0  # a wait that harms no exit, and the time after it in which one has to pass
OPENINGS_KEPT_MAX = 1_000  # newest fills that opened a position
SETTINGS = (SetLeverage, SetMarginMode, SetPositionMode, SetMultiAssets)
OF_ACCOUNT = ("position mode", "asset mode")  # the other settings are of one contract


class Modes(Rule):
    """I15: leverage and the modes of the account are as intended before an order adds to it.

    Intended is what the bot asked for last. `leverage`, `margin_mode` ("cross" or "isolated"),
    `hedge` (two sides) and `multi_assets` (all assets carry all positions) say it where the bot
    does not. An answer that falsely said yes excuses.
    `refusals`: how many orders may be refused for naming another position mode.
    """

    name = "modes"
    invariant = "I15"
    severity = Severity.MONEY
    sentence = "Leverage and the modes of the account are as intended before the first order."
    care = "sets leverage and modes first, and reads back what the venue did not confirm."

    def __init__(
        self,
        *,
        leverage: int | None = None,
        margin_mode: str | None = None,
        hedge: bool | None = None,
        multi_assets: bool | None = None,
        refusals: int = 2,
    ) -> None:
        super().__init__()
        if margin_mode not in (None, "cross", "isolated"):
            raise ConfigurationError(
                f"rule modes: margin_mode must be 'cross' or 'isolated', not {margin_mode!r}"
            )
        given = {"leverage": leverage, "margin mode": margin_mode, "position mode": hedge,
                 "asset mode": multi_assets}  # fmt: skip
        self._given = {name: value for name, value in given.items() if value is not None}
        self.refusals = refusals
        self.unknown = "no leverage and no mode is known to be intended"
        self._asked: dict[tuple[str, str], Any] = {}  # by symbol and setting: what was asked last
        self._lied: dict[tuple[str, str], Trip] = {}  # settings of which it was told falsely
        # by request on its way: what was not as intended, and the order that adds to a position
        self._wrong: dict[int, tuple[str, Any]] = {}
        self._accused: dict[tuple[str, str], None] = {}
        self._refused: list[Trip] = []

    def sent(self, trip: Trip) -> None:
        """Note what the bot asks for, and what does not stand when it sends an order."""
        command = trip.command
        if command.__class__ in SETTINGS:
            setting, value = _setting(command)
            self._asked[getattr(command, "symbol", ""), setting] = value
            self._lied.pop((getattr(command, "symbol", ""), setting), None)
            return
        for one in requested(trip, self.context.facts):
            if _adds(one.order) and self._has_positions(one.order.symbol):
                if self._given or self._asked:
                    self.unknown = ""
                wrong = next(self._differences(one.order.symbol), None)
                if wrong is not None:
                    self._wrong.setdefault(trip.number, (wrong, one.order))
                    if len(self._wrong) > ORDERS_NOTED_MAX:
                        del self._wrong[next(iter(self._wrong))]

    def _has_positions(self, symbol: str) -> bool:
        ms = self.context.facts.engine.state.markets.get(symbol)
        return ms is not None and product_of(ms.market).opens_shorts

    def _differences(self, symbol: str) -> Iterator[str]:
        settings = self.context.facts.engine.state.accounts[self.context.facts.account].margin
        is_isolated = settings.is_isolated(symbol)
        true: dict[str, Any] = {
            "leverage": settings.leverage_of(symbol),
            "margin mode": "isolated" if is_isolated else "cross",
            "position mode": settings.hedge,
            "asset mode": settings.multi_assets,
        }
        for setting, present in true.items():
            where = ("" if setting in OF_ACCOUNT else symbol, setting)
            wanted = self._asked.get(where, self._given.get(setting))
            if setting in self._given:
                wanted = self._given[setting]
            if wanted is None or wanted == present or (symbol, setting) in self._accused:
                continue
            if where in self._lied:
                self.unknown = f"it was told falsely that its {setting} was set"
                continue
            yield setting

    def told(self, trip: Trip) -> None:
        """Report an order that was accepted; note false answers, and refusals for the mode."""
        command, answer = trip.command, received(trip)
        if command.__class__ in SETTINGS:
            if is_success(answer) and trip.struck:
                where = (getattr(command, "symbol", ""), _setting(command)[0])
                self._lied[where] = trip
        elif not trip.is_push:
            orders = requested(trip, self.context.facts)
            if any(_is_refused(one.told, Reason.POSITION_SIDE) for one in orders):
                self._note_refusal(trip)
            wrong = self._wrong.pop(trip.number, None)
            if wrong is not None and trip.happened:
                self._report(*wrong, trip)

    def _report(self, setting: str, order: Any, trip: Trip) -> None:
        symbol = order.symbol
        self._accused[symbol, setting] = None
        facts = self.context.facts
        settings = facts.engine.state.accounts[facts.account].margin
        present: Any = {
            "leverage": f"{settings.leverage_of(symbol)}x",
            "margin mode": "isolated" if settings.is_isolated(symbol) else "cross",
            "position mode": "two sides" if settings.hedge else "one-way",
            "asset mode": "multi-assets" if settings.multi_assets else "single-asset",
        }[setting]
        self.breach(
            f"sent an order in {symbol} (trip {trip.number}) while its {setting} was not as "
            f"intended: it is {present}",
            trip,
            money=facts.money(symbol, order.lots, trip.ended_at),
        )

    def _note_refusal(self, trip: Trip) -> None:
        self.unknown = ""
        self._refused.append(trip)
        if len(self._refused) == self.refusals + 1:
            first = self._refused[0]
            self.breach(
                f"sent {len(self._refused)} orders (trips {first.number} to {trip.number}) that "
                "name a position mode which its account is not in",
                first,
                trip,
            )


def _setting(command: Any) -> tuple[str, Any]:
    if command.__class__ is SetLeverage:
        return "leverage", command.leverage
    if command.__class__ is SetMarginMode:
        return "margin mode", str(command.mode)
    if command.__class__ is SetMultiAssets:
        return "asset mode", command.enabled
    return "position mode", command.hedge


def _is_refused(told: Any, why: Reason) -> bool:
    return told.__class__ is Reject and told.reason is why


def _adds(order: Any) -> bool:
    """Whether an order may add to a position."""
    return not (order.reduce_only or (order.__class__ is PlaceConditional and order.close_position))


class _Opening(NamedTuple):
    """A fill that opened a position, or turned it round."""

    order_id: int
    symbol: str
    side: PositionSide
    before: int
    lots: int
    at: int


class OneExit(Rule):
    """I1 of contracts: a position is closed once; an exit never opens one of the other side.

    An exit is an order that, when it was sent, closed at most what the bot held by the fills it had
    been told of; a stop that fires when nothing is held any more opens a position, too.
    `sides`: "long" or "short" where the bot means to hold no other: then each such opening counts.
    """

    name = "one_exit"
    invariant = "I1"
    severity = Severity.MONEY
    sentence = "A position is closed once, and no exit opens another."
    care = "closes by reduce-only orders, and cancels what is left of them when it is flat."

    def __init__(self, *, sides: str = "both") -> None:
        super().__init__()
        if sides not in ("both", "long", "short"):
            raise ConfigurationError(
                f"rule one_exit: sides must be 'both', 'long' or 'short', not {sides!r}"
            )
        self.wrong_sign = {"both": 0, "long": -1, "short": 1}[sides]
        self.unknown = "the bot has had no position in a contract"
        self._lots: dict[tuple[str, PositionSide], int] = {}
        self._opened: deque[_Opening] = deque(maxlen=OPENINGS_KEPT_MAX)
        self._exits: dict[Any, Trip] = {}  # by order, or by ("conditional", number)
        self._sent: dict[tuple[int, int], None] = {}  # exits on their way: trip, place in it

    def sent(self, trip: Trip) -> None:
        """Note an order that is to close what the bot believes to hold."""
        for place, order, *_ in requested(trip, self.context.facts):
            held = self.context.facts.told_lots.get((order.symbol, order.position_side), 0)
            closes = held * sign(order.side) < 0 and order.lots <= abs(held)
            if closes:
                self._note(self._sent, (trip.number, place), None)

    def _note(self, table: dict[Any, Any], key: Any, value: Any) -> None:
        table[key] = value
        if len(table) > ORDERS_NOTED_MAX:
            del table[next(iter(table))]

    def told(self, trip: Trip) -> None:
        """Remember which orders the exits became."""
        if not self._sent:
            return
        for place, _, event in placed(trip, self.context.facts):
            if (trip.number, place) not in self._sent:
                continue
            del self._sent[trip.number, place]
            if event.__class__ is e.OrderAccepted:
                self._note(self._exits, event.order_id, trip)
            elif event.__class__ is e.ConditionalChanged:
                self._note(self._exits, ("conditional", event.conditional_id), trip)

    def happened(self, events: Sequence[e.Event], at: int) -> None:
        """Follow the positions; a match changes them before its fills are told."""
        waiting: deque[tuple[e.PositionChanged, int]] = deque()
        for event in events:
            if event.__class__ is e.PositionChanged:
                if event.account == self.context.facts.account:
                    self.unknown = ""
                    key = (event.symbol, event.side)
                    before, self._lots[key] = self._lots.get(key, 0), event.lots
                    if event.why == "order":
                        waiting.append((event, before))
            elif event.__class__ is e.OrderFilled and self._is_mine(event) and waiting:
                self._filled(event, *waiting.popleft())

    def _is_mine(self, event: e.OrderFilled) -> bool:
        return event.fill.account == self.context.facts.account

    def _filled(self, event: e.OrderFilled, changed: e.PositionChanged, before: int) -> None:
        if changed.lots and changed.lots * before <= 0:
            self._opened.append(
                _Opening(
                    event.order_id, changed.symbol, changed.side, before, changed.lots, changed.at
                )
            )

    def ended(self, end: RunEnd) -> None:
        """Report positions that exits have opened."""
        facts = self.context.facts
        for one in self._opened:
            known = facts.orders.get(one.order_id)
            if known is None or known.order.forced:
                continue
            exit_trip = self._exit_of(known.order)
            if exit_trip is None and one.lots * self.wrong_sign <= 0:
                continue
            amount = facts.market(one.symbol).amount_text(abs(one.lots))
            what = "a short" if one.lots < 0 else "a long"
            text = f"opened {what} position of {amount} in {one.symbol}"
            if exit_trip is not None:
                text += f" by an exit (trip {exit_trip.number}): the position was closed already"
            else:
                text += f" by order {one.order_id}, which it never means to hold"
            trip = exit_trip or known.placed_by
            self.breach(
                text,
                *(() if trip is None else (trip,)),
                row=repr(known.order),
                money=facts.money(one.symbol, abs(one.lots), end.at),
                at=one.at,
            )

    def _exit_of(self, order: Order) -> Trip | None:
        if order.conditional_id:
            return self._exits.get(("conditional", order.conditional_id))
        return self._exits.get(order.id)


LIMITS = frozenset({
    Reason.RATE_LIMITED, Reason.BANNED, Reason.TOO_MANY_ORDERS_SENT, Reason.TOO_MANY_ORDERS,
    Reason.INSUFFICIENT_FUNDS,
})  # fmt: skip


class _Refused(NamedTuple):
    """An exit that has to wait a little, and until when another has to pass."""

    trip: Trip
    answer: Reject
    late: int


class KeepsReserve(Rule):
    """I4 of contracts: while a position is held, limits and margin leave room for its exit.

    A breach is an exit or a cancel that is refused for a limit of the venue or for want of margin,
    and a ban while something is held. A refusal that a fault made up is not the bot's doing. Nor
    is one that names a wait of at most `BRIEF_S`, where an order or a cancel passes soon after it.
    """

    name = "keeps_reserve"
    invariant = "I4"
    severity = Severity.DANGER
    sentence = "While a position is held, limits and margin leave room for its exit."
    care = "keeps a part of its limits and of its margin for exits, and streams what it reads."

    def __init__(self) -> None:
        super().__init__()
        self.unknown = "the bot has had no position in a contract"
        self._waiting: dict[str, _Refused] = {}  # briefly, by market

    def happened(self, events: Sequence[e.Event], at: int) -> None:
        """Note that there is a position."""
        account = self.context.facts.account
        for event in events:
            if event.__class__ is e.PositionChanged and event.account == account:
                self.unknown = ""

    def told(self, trip: Trip) -> None:
        """Check what was refused, and what has passed since."""
        if self.unknown:
            return
        if self._waiting:
            self._accuse_late(trip.ended_at)
        if trip.struck and not trip.is_only_limited:
            return
        for part, answer in parts_and_told(trip):
            if answer.__class__ is not Reject:
                if trip.happened or answer is not None:
                    self._passed(part)
            elif answer.reason in LIMITS:
                symbol = self._exit(part, answer)
                if symbol is not None:
                    self._refused(symbol, trip, answer)
                    return

    def ended(self, end: RunEnd) -> None:
        """Report exits that have waited in vain, or that the bot did not send again."""
        has_left = end.returned or end.crashed is not None
        self._accuse_late(end.at + 2 * round(BRIEF_S * SECOND) if has_left else end.at)

    def _refused(self, symbol: str, trip: Trip, answer: Reject) -> None:
        brief = round(BRIEF_S * SECOND)
        if answer.until is None or answer.until - trip.ended_at > brief:
            self._accuse(symbol, trip, answer)
        else:
            late = max(answer.until, trip.ended_at) + brief
            self._waiting.setdefault(symbol, _Refused(trip, answer, late))

    def _passed(self, command: Any) -> None:
        """Note what the venue took: an exit from its market no longer waits."""
        if not self._waiting:
            return
        if command.__class__ in (CancelOrder, CancelConditional):
            self._waiting.pop(command.symbol, None)
        for one in orders_in(command):
            self._waiting.pop(one.symbol, None)

    def _accuse_late(self, at: int) -> None:
        for symbol, one in list(self._waiting.items()):
            if at > one.late:
                del self._waiting[symbol]
                self._accuse(symbol, one.trip, one.answer)

    def _accuse(self, symbol: str, trip: Trip, answer: Reject) -> None:
        facts = self.context.facts
        self.breach(
            f"could not get out of {symbol} (trip {trip.number}): {trip.words(answer)}",
            trip,
            money=facts.money(symbol, self._held(symbol), trip.ended_at),
        )

    def _held(self, symbol: str) -> int:
        state = self.context.facts.engine.state
        ms, account = state.markets[symbol], state.accounts[self.context.facts.account]
        return sum(abs(lots) for _, lots in product_of(ms.market).sides(ms, account))

    def _exit(self, command: Any, answer: Reject) -> str | None:
        """The market whose position the bot was kept from closing, if it was."""
        facts = self.context.facts
        state = facts.engine.state
        account = state.accounts[facts.account]
        orders = [one for order in orders_in(command) if (one := described(order, facts))]
        for symbol, ms in state.markets.items():
            for side, lots in product_of(ms.market).sides(ms, account):
                if answer.reason is Reason.BANNED:
                    return symbol
                cancels = command.__class__ in (CancelOrder, CancelConditional)
                if cancels and command.symbol == symbol:
                    return symbol
                if any(_closes(one, symbol, side, lots) for one in orders):
                    return symbol
        return None


def _closes(order: Any, symbol: str, side: PositionSide, lots: int) -> bool:
    """Whether an order makes a position smaller."""
    is_of = order.symbol == symbol and order.position_side is side
    return is_of and sign(order.side) * lots < 0
