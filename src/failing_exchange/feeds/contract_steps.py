"""From what happened in one step to what an account hears of its contracts, in order.

The order is that of Binance USD-M, as recorded in production on 2026-09-19 of a market order: the
fill in few words, NEW, the wallet and the position, then the report of the fill. Of further fills
of the order no recording is known; each is told like the first one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Reversible
from typing import Any, Protocol

from failing_exchange.core import events as e
from failing_exchange.core.collateral import USD
from failing_exchange.core.conditional_order import ConditionalSnapshot
from failing_exchange.core.order import Fill, OrderSnapshot, PositionSide, Status
from failing_exchange.core.positions import MarginMode
from failing_exchange.core.queries import Margins, PositionReport
from failing_exchange.feeds.account_records import Execution, Record
from failing_exchange.feeds.account_steps import (
    AccountStep,
    Numbered,
    StateLook,
    after_fill,
    becomes,
    of_kind,
)
from failing_exchange.feeds.contract_records import (
    BriefFill,
    CalledPosition,
    ConditionalReport,
    FuturesChange,
    FuturesUpdate,
    MarginCall,
    PositionState,
    SettingChanged,
    WalletState,
)

Key = tuple[str, PositionSide]  # of a position: symbol and side


class ContractLook(StateLook, Protocol):
    """What stands behind the events of an account that trades contracts."""

    def margins(self) -> Margins:
        """The account's futures wallet."""

    def conditional(self, number: int) -> ConditionalSnapshot:
        """A conditional order of the account."""

    def fills(self) -> Reversible[Fill]:
        """The account's latest fills, oldest first."""


class Realised:
    """What each position of an account has realised so far, in atoms, fees not counted.

    Of what was traded before the first look, only the fills that the account still keeps count.
    """

    def __init__(self) -> None:
        self._totals: dict[Key, int] = {}
        self._last: Fill | None = None

    def of(self, key: Key, fills: Reversible[Fill]) -> int:
        """The total of a position; `fills` are all of the account."""
        new = None
        for fill in reversed(fills):
            if fill is self._last:
                break
            new = new or fill
            one = (fill.symbol, fill.position_side)
            self._totals[one] = self._totals.get(one, 0) + fill.profit
        self._last = new or self._last
        return self._totals.get(key, 0)


def contract_records(events: Numbered, look: ContractLook, realised: Realised) -> list[Record]:
    """What one account hears of its events of one step that concern contracts."""
    step = ContractStep(of_kind(events, look, contracts=True), look, realised)
    while step.ahead:
        step.number, event = step.ahead.pop()
        note = NOTES.get(type(event))
        if note is not None:
            note(step, event)
    return step.told


class ContractStep(AccountStep):
    """The events of one account in one step; `ahead` are those to come, the next one last."""

    def __init__(self, events: Numbered, look: ContractLook, realised: Realised) -> None:
        super().__init__(events, look)
        self.view = look
        self.ahead = list(reversed(events))
        self.moves: dict[Key, list[e.PositionChanged]] = {}  # whose fill is still to be told
        self._realised = realised
        self._later: dict[Key, int] = {}  # profits of the fills to come
        self._fees: dict[str, int] = {}  # of the fills to come, in an asset of their own
        self._margins: dict[Key, int] = {}  # isolated margins of positions that change, now
        self._final: dict[Key, int] = {}  # the same after the step
        self._briefed: set[tuple[int, int]] = set()
        self._reports: dict[str, tuple[PositionReport, ...]] = {}
        for _, event in events:
            if isinstance(event, e.PositionChanged):
                key = event.symbol, event.side
                self._margins.setdefault(key, event.margin)
                self._final[key] = event.margin
            elif isinstance(event, e.OrderFilled):
                self.count(event.fill, event.fill.profit)
                self.count_fee(event.fill, event.fill.fee)

    def touch(self, market: Any) -> None:
        """Wallets are told by events of their own."""

    def count(self, fill: Fill, profit: int) -> None:
        """Add to the profits of the fills to come."""
        key = fill.symbol, fill.position_side
        self._later[key] = self._later.get(key, 0) + profit

    def count_fee(self, fill: Fill, fee: int) -> None:
        """Add to the fees of the fills to come."""
        self._fees[fill.fee_asset] = self._fees.get(fill.fee_asset, 0) + fee

    def fee_wallet(self, asset: str) -> WalletState:
        """What is left of an asset that only fees are paid in, at this point of the step."""
        status = self.view.margins().assets.get(asset)
        balance = (0 if status is None else status.wallet) + self._fees.get(asset, 0)
        return WalletState(asset, balance, balance)

    def reports(self, symbol: str) -> tuple[PositionReport, ...]:
        """The positions in a contract as they are after the step, empty ones as well."""
        if symbol not in self._reports:
            self._reports[symbol] = self.view.positions(symbol).positions
        return self._reports[symbol]

    def report(self, key: Key) -> PositionReport:
        """One of them."""
        return next((one for one in self.reports(key[0]) if one.side is key[1]),
                    self.reports(key[0])[0])  # fmt: skip

    def tell(
        self, execution: Execution, state: OrderSnapshot, fill: Fill | None = None,
        prevented: Any = None, **more: Any,
    ) -> None:  # fmt: skip
        """Something happened to an order."""
        held = self.report((state.order.symbol, state.order.position_side))
        super().tell(
            execution,
            state,
            fill,
            prevented,
            bid_notional=held.bids,
            ask_notional=held.asks,
            **more,
        )

    def brief(self, fill: Fill, state: OrderSnapshot) -> None:
        """Tell a fill in few words, once."""
        if (fill.order_id, fill.trade_id) not in self._briefed:
            self._briefed.add((fill.order_id, fill.trade_id))
            self.told.append(BriefFill(fill, state, fill.at))

    def first_fill(self, order_id: int) -> Fill | None:
        """The first fill of an order in this step."""
        fills = self._fills.get(order_id)
        return fills[0] if fills else None

    def state_of(self, event: e.PositionChanged) -> PositionState:
        """A position after an event."""
        key = event.symbol, event.side
        self._margins[key] = event.margin
        report = self.report(key)
        worth = report.market.worth(report.mark, event.lots)
        return PositionState(
            report.market, event.side, event.lots, event.cost, event.margin,
            report.mode is MarginMode.ISOLATED, self._realised_now(key), worth - event.cost,
        )  # fmt: skip

    def present(self, report: PositionReport) -> PositionState:
        """A position after the step."""
        return PositionState(
            report.market, report.side, report.lots, report.cost, report.margin,
            report.mode is MarginMode.ISOLATED,
            self._realised_now((report.market.symbol, report.side)), report.unrealised,
        )  # fmt: skip

    def _realised_now(self, key: Key) -> int:
        return self._realised.of(key, self.view.fills()) - self._later.get(key, 0)

    def wallet(self, asset: str, balance: int, change: int = 0) -> WalletState:
        """The wallet at this point of the step."""
        status = self.view.margins().assets.get(asset)  # None: nothing is left of it
        isolated = 0 if status is None else status.isolated
        for key, final in self._final.items():
            if self.view.market(key[0]).settle == asset:
                isolated += self._margins[key] - final
        return WalletState(asset, balance, balance - isolated, change)

    def update(
        self, why: FuturesChange, wallets: Iterable[WalletState],
        positions: Iterable[PositionState], at: int, symbol: str = "",
    ) -> None:  # fmt: skip
        """A wallet or positions changed."""
        self.told.append(FuturesUpdate(why, tuple(wallets), tuple(positions), at, symbol))


def _accepted(step: ContractStep, event: e.OrderAccepted) -> None:
    state = step.order(event.order_id, event.at)
    fill = step.first_fill(event.order_id)
    if fill is not None:
        step.brief(fill, state)
    step.tell(Execution.ACCEPTED, state)


def _filled(step: ContractStep, event: e.OrderFilled) -> None:
    fill = event.fill
    state = step.order(event.order_id, fill.at)
    step.brief(fill, state)
    step.count(fill, -fill.profit)
    step.count_fee(fill, -fill.fee)
    changed = step.moves[fill.symbol, fill.position_side].pop(0)
    position = step.state_of(changed)
    settle = position.market.settle
    if fill.fee_asset == settle:
        wallets = [step.wallet(settle, changed.wallet - fill.fee)]
    else:
        wallets = [step.wallet(settle, changed.wallet), step.fee_wallet(fill.fee_asset)]
    step.update(FuturesChange.ORDER, wallets, (position,), fill.at)
    step.tell(Execution.FILLED, after_fill(state, event), fill)


def _moved(step: ContractStep, event: e.PositionChanged) -> None:
    """A match is told with its fill, funding with the wallet that pays it."""
    if event.why == "order":
        step.moves.setdefault((event.symbol, event.side), []).append(event)
    elif event.why != "funding":
        position = step.state_of(event)
        wallet = step.wallet(position.market.settle, event.wallet)
        step.update(POSITION_CHANGES[event.why], (wallet,), (position,), event.at)


POSITION_CHANGES = {
    "margin_transfer": FuturesChange.MARGIN_MOVED,
    "bust": FuturesChange.ADJUSTED,
}


def _wallet(step: ContractStep, event: e.FuturesBalanceChanged) -> None:
    """The balance of a wallet; of an isolated position that pays funding, its margin as well."""
    why = WALLET_CHANGES.get(event.why, FuturesChange.ADJUSTED)
    if why is FuturesChange.DEPOSITED and event.change < 0:
        why = FuturesChange.WITHDRAWN
    funding = why is FuturesChange.FUNDING
    following = step.ahead[-1][1] if step.ahead else None
    positions = []
    if funding and isinstance(following, e.PositionChanged) and following.why == "funding":
        positions.append(step.state_of(following))
    wallet = step.wallet(event.asset, event.wallet, event.change)
    step.update(why, (wallet,), positions, event.at, event.symbol if funding else "")


WALLET_CHANGES = {
    "funding": FuturesChange.FUNDING,
    "transfer": FuturesChange.DEPOSITED,
    "deposit": FuturesChange.DEPOSITED,
    "credit": FuturesChange.PAID_IN,
    "debit": FuturesChange.TAKEN_OUT,
    "insurance_clear": FuturesChange.LIQUIDATED,
    "auto_exchange": FuturesChange.EXCHANGED,
}


def _setting(step: ContractStep, event: e.MarginSettingsChanged) -> None:
    """Of a change of the position mode nothing is told."""
    if event.setting == "leverage":
        step.told.append(SettingChanged(event.symbol, int(event.value), event.at))
    elif event.setting == "multi_assets":
        step.told.append(SettingChanged("", 0, event.at, event.value == "True"))
    elif event.setting == "margin_mode":
        positions = [step.present(report) for report in step.reports(event.symbol)]
        step.update(FuturesChange.MARGIN_MODE, (), positions, event.at)


def _called(step: ContractStep, event: e.MarginCalled) -> None:
    """For all cross positions that share a margin, or for one isolated position."""
    symbol, _, side = event.symbol.partition(" ")
    held = [
        CalledPosition(step.present(one), one.mark, one.maintenance)
        for one in step.reports(symbol)
        if one.lots and event.asset in (one.market.settle, USD)
        and (one.side.value == side if symbol else one.mode is MarginMode.CROSS)
    ]  # fmt: skip
    margins = step.view.margins()
    cross = (
        None
        if symbol
        else margins.joint.wallet
        if margins.joint
        else (margins.assets[event.asset].wallet)
    )
    step.told.append(MarginCall(tuple(held), cross, event.at))


def _conditional(step: ContractStep, event: e.ConditionalChanged) -> None:
    conditional = step.view.conditional(event.conditional_id)
    step.told.append(ConditionalReport(event, conditional, event.at))


def _amended(step: ContractStep, event: e.OrderAmended) -> None:
    state = step.order(event.order_id, event.at)
    changed = state._replace(lots=event.lots, ticks=event.ticks or state.ticks)
    step.tell(Execution.AMENDED, changed, change_id=event.change_id)


NOTES: dict[type, Callable[[Any, Any], None]] = {
    e.OrderAccepted: _accepted,
    e.OrderFilled: _filled,
    e.OrderCanceled: becomes(Execution.CANCELED, status=Status.CANCELED),
    e.OrderExpired: becomes(Execution.EXPIRED, status=Status.EXPIRED),
    e.OrderAmended: _amended,
    e.PositionChanged: _moved,
    e.FuturesBalanceChanged: _wallet,
    e.MarginSettingsChanged: _setting,
    e.MarginCalled: _called,
    e.ConditionalChanged: _conditional,
}
