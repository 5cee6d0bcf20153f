"""The exchange: a command in, its events and its answer out. No clock, chance or I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from heapq import heappop
from typing import Any

from failing_exchange.core import (
    batch_orders,
    cancel_replace,
    change_order,
    collateral_commands,
    commands as c,
    conditional_orders,
    contract_incidents,
    contract_queries,
    contract_reads,
    contract_statistics,
    margin_commands,
    margin_queries,
    operator_commands,
    order_lists,
    place_order,
    price_candles,
    queries as q,
    read_handlers,
    reference_price,
    timed_ends,
)
from failing_exchange.core.collateral import (
    ChangeCollateral,
    Collateral,
    SetFeeBurn,
    SetMultiAssets,
)
from failing_exchange.core.conditional_triggers import check_last
from failing_exchange.core.events import Event, OperationRefused
from failing_exchange.core.liquidity import Background
from failing_exchange.core.margin_calls import follow_positions
from failing_exchange.core.market import TRADING, Market
from failing_exchange.core.reject import Reject
from failing_exchange.core.settlement import check_kind
from failing_exchange.core.state import NEVER, MarketState, State
from failing_exchange.core.time_step import check_triggers, run_step
from failing_exchange.core.units import HOUR_S, SECOND
from failing_exchange.core.venue_commands import CallOff, CutConnections, PlanMaintenance

AUDIT_EVERY = 256  # events after which the auditor, if there is one, is shown them
LOOK_AHEAD = HOUR_S  # seconds for which the next touch of an order is searched at a time

Handler = Callable[[State, Any, int], Any]
HANDLERS: dict[type, Handler] = {
    c.PlaceOrder: place_order.place,
    c.PlaceOrderList: order_lists.place_list,
    c.CancelOrder: cancel_replace.cancel,
    c.CancelOrderList: order_lists.cancel_list,
    c.CancelAllOrders: cancel_replace.cancel_all,
    c.AmendOrder: cancel_replace.amend,
    c.ReplaceOrder: cancel_replace.replace,
    c.ChangeOrder: change_order.change,
    c.BatchOrders: batch_orders.run,
    c.SetCountdown: timed_ends.set_countdown,
    c.EndDue: timed_ends.end_due,
    c.PlaceConditional: conditional_orders.place,
    c.CancelConditional: conditional_orders.cancel,
    c.CancelAllConditionals: conditional_orders.cancel_all,
    q.FetchConditional: conditional_orders.fetch_one,
    q.FetchConditionals: conditional_orders.fetch_several,
    q.FetchOrder: read_handlers.fetch_order,
    q.FetchOrders: read_handlers.fetch_orders,
    q.FetchOrderList: read_handlers.fetch_order_list,
    q.FetchOrderLists: read_handlers.fetch_order_lists,
    q.FetchFills: read_handlers.fetch_fills,
    q.FetchAmendments: read_handlers.fetch_amendments,
    q.FetchPreventedMatches: read_handlers.fetch_prevented_matches,
    q.FetchBalance: read_handlers.fetch_balance,
    q.FetchTicker: read_handlers.fetch_ticker,
    q.FetchTickers: read_handlers.fetch_tickers,
    q.FetchBook: read_handlers.fetch_book,
    q.FetchTrades: read_handlers.fetch_trades,
    q.FetchCandles: read_handlers.fetch_candles,
    q.FetchAveragePrice: read_handlers.fetch_average_price,
    q.FetchReferencePrice: reference_price.fetch_reference_price,
    q.FetchMarkets: read_handlers.fetch_markets,
    q.FetchTime: read_handlers.fetch_time,
    q.FetchStatus: read_handlers.fetch_status,
    c.SessionCommand: read_handlers.run_session_command,
    c.SetMarketStatus: operator_commands.set_status,
    c.Delist: operator_commands.delist,
    c.EndHalts: operator_commands.end_halts,
    c.ChangeRules: operator_commands.change_rules,
    c.MovePrice: operator_commands.move_price,
    c.PullLiquidity: operator_commands.pull_liquidity,
    c.CrossOrder: operator_commands.cross_order,
    c.ReleaseOrder: operator_commands.release_order,
    c.CapNextFill: operator_commands.cap_next_fill,
    c.OperatorCancel: operator_commands.cancel_orders,
    c.Credit: operator_commands.credit,
    c.Debit: operator_commands.debit,
    c.Freeze: operator_commands.freeze,
    c.EndFreezes: operator_commands.end_freezes,
    c.BustTrade: operator_commands.bust_trade,
    c.OpenAccount: operator_commands.open_account,
    c.Restart: operator_commands.restart,
    c.ChangeApi: operator_commands.change_api,
    PlanMaintenance: operator_commands.plan_maintenance,
    CutConnections: operator_commands.cut_connections,
    CallOff: operator_commands.call_off,
    c.SettleDue: operator_commands.settle_due,
    c.SetLeverage: margin_commands.set_leverage,
    c.SetMarginMode: margin_commands.set_margin_mode,
    c.SetPositionMode: margin_commands.set_position_mode,
    SetMultiAssets: collateral_commands.set_multi_assets,
    SetFeeBurn: collateral_commands.set_fee_burn,
    c.AdjustMargin: margin_commands.adjust_margin,
    c.TransferFunds: margin_commands.transfer_funds,
    c.CheckMarks: margin_commands.look_at_marks,
    c.MoveMark: margin_commands.move_mark,
    c.LiquidatePosition: contract_incidents.liquidate_position,
    c.Deleverage: contract_incidents.deleverage_account,
    c.SettleContract: contract_incidents.settle_contract,
    c.PayFunding: contract_incidents.pay_funding_now,
    c.ChangeFunding: contract_incidents.change_funding,
    ChangeCollateral: collateral_commands.change_collateral,
    c.SetInsuranceFund: contract_incidents.set_insurance_fund,
    q.FetchPositions: margin_queries.fetch_positions,
    q.FetchMargin: margin_queries.fetch_margin,
    q.FetchFuturesAccount: margin_queries.fetch_futures_account,
    q.FetchMarkPrice: margin_queries.fetch_mark_price,
    contract_queries.FetchCollateral: margin_queries.fetch_collateral,
    contract_queries.FetchContractStatistics: contract_statistics.fetch_statistics,
    contract_queries.FetchInsurance: contract_statistics.fetch_insurance,
    contract_queries.FetchMarginMoves: margin_queries.fetch_margin_moves,
    contract_queries.FetchMarkPrices: contract_reads.fetch_mark_prices,
    contract_queries.FetchFunding: contract_reads.fetch_funding,
    contract_queries.FetchFundingRates: contract_reads.fetch_funding_rates,
    contract_queries.FetchOpenInterest: contract_reads.fetch_open_interest,
    contract_queries.FetchIncome: contract_reads.fetch_income,
    contract_queries.FetchPriceCandles: price_candles.fetch_price_candles,
}


class Engine:
    """Executes commands on books, accounts and ledger.

    Instants never go back: `at` of each call is at or after that of the one before.

    >>> engine = Engine([])
    >>> _ = engine.execute(c.OpenAccount("alice", (("USDT", 5),)), at=1)
    >>> engine.execute(q.FetchBalance("alice"), at=2)[1].assets
    {'USDT': (5, 0)}
    """

    def __init__(
        self,
        markets: list[tuple[Market, Background | None]],
        collateral: Mapping[str, Collateral] = {},
    ) -> None:
        for market, _ in markets:
            check_kind(market)
        self.state = State(markets, collateral)
        self._markets = list(self.state.markets.values())
        self.auditor: Callable[[State, list[Event]], None] | None = None
        self._unaudited: list[Event] = []

    def execute(self, command: c.Command, at: int) -> tuple[tuple[Event, ...], Any]:
        """Carry out a command: the events, and the answer. Raises `Reject` when it is refused.

        Call `advance(at)` first where something is due before `at`.
        """
        state = self.state
        answer = HANDLERS[command.__class__](state, command, at)
        if not state.events:
            return (), answer
        if state.waiting or state.filled_lists or state.conditionals or state.moved:
            self._trigger(at)
        return self._numbered(), answer

    def advance(self, at: int) -> tuple[Event, ...]:
        """Carry out all that is due up to `at`: fills, triggers, agenda."""
        state = self.state
        if at < state.wake_at:
            return ()
        while state.wake_at <= at:
            due = min(self.state.markets.values(), key=_wake, default=None)
            market_at = NEVER if due is None else due.wake_second * SECOND
            if state.agenda and state.agenda[0].at <= market_at:
                item = heappop(state.agenda)
                state.begin_transaction(item.at)
                self._operate(item.command, item.at)
                self._trigger(item.at)
            elif due is not None:
                second = due.wake_second
                self._wake(due)
                if state.filled_lists or state.moved:
                    self._trigger(second * SECOND)
            state.wake_at = self._next_wake()
        return self._numbered() if state.events else ()

    def _operate(self, command: c.Operator, at: int) -> None:
        """Carry out a command of the agenda; a refusal is recorded as an event.

        What an incident left to do for an order is dropped with the order.
        """
        try:
            HANDLERS[command.__class__](self.state, command, at)
        except Reject as refused:
            if not isinstance(command, (c.CrossOrder, c.ReleaseOrder)):
                name = type(command).__name__
                self.state.events.append(OperationRefused(name, refused.text, at))

    def attempt(self, command: c.Operator, at: int) -> tuple[Event, ...]:
        """Carry out an operator command; a refusal is recorded as an event."""
        try:
            return self.execute(command, at)[0]
        except Reject as refused:
            self.state.events.append(OperationRefused(type(command).__name__, refused.text, at))
            return self._numbered()

    def _numbered(self) -> tuple[Event, ...]:
        """Number the events of this step and return them."""
        state = self.state
        events = tuple(state.events)
        state.executions += len(events)
        state.events.clear()
        if self.auditor is not None:
            unaudited = self._unaudited
            unaudited += events
            if len(unaudited) >= AUDIT_EVERY:
                self.have_audited()
        return events

    def have_audited(self) -> None:
        """Show the auditor the events that it has not seen yet."""
        events, self._unaudited = self._unaudited, []
        if self.auditor is not None:
            self.auditor(self.state, events)

    def schedule(self, due: int, command: c.Operator, at: int) -> None:
        """Put an operator command on the agenda for the instant `due`."""
        self.state.schedule(due, command, planned=True)

    def restore(self, state: State) -> None:
        """Replace the state, e.g. by that of a snapshot."""
        self.state = state
        self._markets = list(state.markets.values())

    @property
    def executions(self) -> int:
        """The number of the last event. Those of the last step are numbered in their order.

        A venue's execution ids: of `events`, the first has `executions - len(events) + 1`.
        """
        return self.state.executions

    @property
    def wake_at(self) -> int:
        """The next instant at which something may happen without a command; `NEVER` if none."""
        return self.state.wake_at

    def _next_wake(self) -> int:
        state = self.state
        agenda = state.agenda[0].at if state.agenda else NEVER
        wakes = (ms.wake_second for ms in state.markets.values())
        return min(agenda, min(wakes, default=NEVER) * SECOND)

    def _wake(self, ms: MarketState) -> None:
        """Run the present second of a market if it concerns an order; search for the next."""
        second = ms.wake_second
        if ms.market.status is not TRADING or ms.liquidity.background is None:
            ms.wake_second = NEVER
            return
        touch = ms.liquidity.first_touch(second, second + 1, ms.lower, ms.upper)
        if touch is not None:
            run_step(self.state, ms, second)
        elif ms.stale:
            ms.watch_all()
        ms.stale = False
        if ms.lower is None and ms.upper is None:
            ms.wake_second = NEVER
            return
        start, stop = second + 1, second + 1 + LOOK_AHEAD
        found = ms.liquidity.first_touch(start, stop, ms.lower, ms.upper)
        ms.wake_second = stop if found is None else found

    def _trigger(self, at: int) -> None:
        """Trigger waiting orders until trades of this step trigger no more.

        Pending orders of filled working orders are activated as well.
        """
        state = self.state
        while state.filled_lists:
            order_lists.activate(state, state.filled_lists.pop(0), at)
        for ms in self._markets:
            if not (ms.waiting or ms.conditionals):
                continue
            ms.liquidity.to(at // SECOND)
            while last := ms.tape.last(at // SECOND):
                before = len(ms.waiting), len(ms.conditionals)
                check_triggers(state, ms, last, last, at)
                if ms.conditionals:
                    check_last(state, ms, last, last, at)
                if (len(ms.waiting), len(ms.conditionals)) == before:
                    break
        if state.moved:
            follow_positions(state, at)
            self._trigger(at)
        elif state.filled_lists:
            self._trigger(at)


def _wake(ms: MarketState) -> int:
    return ms.wake_second
