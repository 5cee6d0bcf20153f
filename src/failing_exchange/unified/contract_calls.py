"""The unified calls about contracts: what reads their messages, and what writes their answers."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from failing_exchange.core import commands as c, contract_queries as cq, queries as q
from failing_exchange.core.collateral import SetFeeBurn, SetMultiAssets
from failing_exchange.core.market import CONTRACT_KINDS, SPOT_KINDS, Market
from failing_exchange.core.order import OrderSnapshot
from failing_exchange.core.positions import MarginMode
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.units import SECOND
from failing_exchange.journal.trip import Trip
from failing_exchange.text.number_checks import is_whole
from failing_exchange.unified import contract_data as data, contracts as write
from failing_exchange.unified.decode import Decoder
from failing_exchange.unified.message_fields import instant_of, limit_of, until_of
from failing_exchange.unified.numbers import atoms_of, hashable
from failing_exchange.unified.order_params import position_side
from failing_exchange.unified.timeframes import seconds_of

QUESTIONS_CACHED_MAX = 1_024  # the one that was not asked for longest is made again
WALLETS = {"spot": False, "swap": True, "future": True, "linear": True}  # name -> is it futures
MARGIN_MODES = {
    "cross": MarginMode.CROSS, "crossed": MarginMode.CROSS, "isolated": MarginMode.ISOLATED
}  # fmt: skip


class Row(NamedTuple):
    """A unified call about contracts; see `unified.calls.UnifiedCall`."""

    read: Callable[[Any, Trip], Any]
    write: Callable[[Any, Any], Any]
    params: tuple[str, ...] = ()


def contract(d: Decoder, symbol: object) -> Market:
    """A contract by its unified symbol; raises `Reject` for a spot market."""
    market = d.market(symbol)
    if market.contract is None:
        raise Reject(
            Reason.UNKNOWN_SYMBOL, f"Symbol not found: {symbol!r} is a spot market, not a contract"
        )
    return market


def is_futures(d: Decoder, kind: str) -> bool:
    """Whether a wallet is the futures one; without a name, where nothing but contracts is listed.

    Raises `Reject` for a name that no wallet has.
    """
    if not kind:
        return all(listed.market.contract is not None for listed in d.listed.values())
    if kind not in WALLETS:
        raise Reject(Reason.BAD_REQUEST, f"Invalid type: {kind!r} is none of {', '.join(WALLETS)}")
    return WALLETS[kind]


def kinds_of(d: Decoder, kind: object) -> q.Kinds:
    """The kinds of market that a call without a symbol means, by its `type`; raises `Reject`."""
    return CONTRACT_KINDS if is_futures(d, str(kind)) else SPOT_KINDS


def read_balance(d: Decoder, t: Trip) -> Any:
    """The query of the wallet that a message names."""
    if is_futures(d, t.message or ""):
        return q.FetchMargin(t.account)
    return q.FetchBalance(t.account)


def _positions(d: Decoder, t: Trip) -> Any:
    for symbol in t.message:
        contract(d, symbol)
    return _ask_positions(t.account, t.message[0] if len(t.message) == 1 else "")


@lru_cache(maxsize=QUESTIONS_CACHED_MAX)
def _ask_positions(account: str, symbol: str) -> q.FetchPositions:
    """One for all who ask the same: the journal keeps what was asked."""
    return q.FetchPositions(account, symbol)


def _position(d: Decoder, t: Trip) -> Any:
    return q.FetchPositions(t.account, contract(d, t.symbol).symbol, idle=True)


def _set_leverage(d: Decoder, t: Trip) -> Any:
    market, leverage = contract(d, t.symbol), t.message
    assert market.contract is not None
    if not is_whole(leverage):
        maximum = market.contract.leverage_max
        raise Reject(Reason.LEVERAGE, leverage=repr(leverage), maximum=maximum)
    return c.SetLeverage(t.account, market.symbol, int(leverage))


def _set_margin_mode(d: Decoder, t: Trip) -> Any:
    market, mode = contract(d, t.symbol), MARGIN_MODES.get(str(t.message).lower())
    if mode is None:
        raise Reject(
            Reason.BAD_REQUEST, f"Invalid margin mode: {t.message!r} is neither cross nor isolated"
        )
    return c.SetMarginMode(t.account, market.symbol, mode)


def _set_position_mode(d: Decoder, t: Trip) -> Any:
    if t.symbol:
        contract(d, t.symbol)
    return c.SetPositionMode(t.account, _flag(t, "position mode: hedged"))


def _flag(t: Trip, what: str) -> bool:
    """A message that is True or False."""
    if not isinstance(t.message, bool):
        raise Reject(Reason.BAD_REQUEST, f"Invalid {what} is True or False, not {t.message!r}")
    return t.message


def _set_multi_assets(d: Decoder, t: Trip) -> Any:
    return SetMultiAssets(t.account, _flag(t, "multi-assets mode: enabled"))


def _set_fee_burn(d: Decoder, t: Trip) -> Any:
    return SetFeeBurn(t.account, _flag(t, "fee burn: enabled"))


def _adjust_margin(sign: int) -> Callable[[Decoder, Trip], Any]:
    def read(d: Decoder, t: Trip) -> Any:
        amount, params = t.message
        symbol, atoms = contract(d, t.symbol).symbol, atoms_of(hashable(amount))
        return c.AdjustMargin(t.account, symbol, sign * atoms, position_side(params))

    return read


def _transfer(d: Decoder, t: Trip) -> Any:
    code, amount, source, target = t.message
    to_futures = is_futures(d, str(target))
    if is_futures(d, str(source)) is to_futures:
        raise Reject(
            Reason.BAD_REQUEST, f"Invalid transfer: from {source!r} to {target!r} is one wallet"
        )
    return c.TransferFunds(t.account, str(code), atoms_of(hashable(amount)), to_futures)


def _each_position(d: Decoder, t: Trip) -> Any:
    for symbol in t.message:
        contract(d, symbol)
    named = t.message[0] if len(t.message) == 1 else ""
    return q.FetchPositions(t.account, named, idle=True)


def _of_contracts(query: type[Any]) -> Callable[[Decoder, Trip], Any]:
    """What reads a query of several contracts; the message holds their symbols, none = all."""

    def read(d: Decoder, t: Trip) -> Any:
        for symbol in t.message:
            contract(d, symbol)
        return query(t.account, tuple(t.message))

    return read


def _mark_price(d: Decoder, t: Trip) -> Any:
    return q.FetchMarkPrice(t.account, contract(d, t.symbol).symbol)


def _open_interest(d: Decoder, t: Trip) -> Any:
    return cq.FetchOpenInterest(t.account, contract(d, t.symbol).symbol)


def _funding_rates(d: Decoder, t: Trip) -> Any:
    since, limit, *until = t.message
    symbol, most = contract(d, t.symbol).symbol if t.symbol else "", limit_of(limit, 100, 1_000)
    start, last = instant_of(since), until_of(until)
    return cq.FetchFundingRates(t.account, symbol, start, most, last)


def _funding_payments(d: Decoder, t: Trip) -> Any:
    since, limit, *until = t.message
    symbol, most = contract(d, t.symbol).symbol if t.symbol else "", limit_of(limit, 100, 1_000)
    start, last = instant_of(since), until_of(until)
    return cq.FetchIncome(t.account, symbol, "funding", start, most, last)


PERIODS = ("5m", "15m", "30m", "1h", "2h", "4h", "6h", "12h", "1d")  # of statistics
PRICES = {
    "mark": cq.PriceKind.MARK, "index": cq.PriceKind.INDEX, "premiumIndex": cq.PriceKind.PREMIUM
}  # fmt: skip


def price_candles(
    d: Decoder, t: Trip, price: object, seconds: int, span: tuple[int, int, int]
) -> cq.FetchPriceCandles:
    """The query of candles of another price than the last one; `span`: since, how many, until."""
    kind = PRICES.get(price) if isinstance(price, str) else None
    if kind is None:
        raise Reject(Reason.BAD_REQUEST, f"Invalid price: {price!r} is none of {', '.join(PRICES)}")
    symbol, edges = contract(d, t.symbol).symbol, _edges(t, seconds, span)
    return cq.FetchPriceCandles(t.account, symbol, kind, edges)


def _edges(t: Trip, seconds: int, span: tuple[int, int, int]) -> tuple[int, ...]:
    """The edges of periods: epoch seconds, one more than there are periods."""
    since, most, until = span
    last = (until or t.born_at) // SECOND // seconds
    first = -(-since // (SECOND * seconds)) if since else last - most + 1
    last = min(last, first + most - 1)
    return tuple(number * seconds for number in range(first, last + 2))


def _open_interests(d: Decoder, t: Trip) -> Any:
    timeframe, since, limit, *until = t.message
    if timeframe not in PERIODS:
        raise Reject(
            Reason.BAD_REQUEST, f"Invalid timeframe: {timeframe!r} is none of {', '.join(PERIODS)}"
        )
    span = instant_of(since), limit_of(limit, 30, 500), until_of(until)
    edges = _edges(t, seconds_of(timeframe), span)
    return cq.FetchContractStatistics(t.account, contract(d, t.symbol).symbol, edges)


def _margin_moves(d: Decoder, t: Trip) -> Any:
    kind, since, *until = t.message
    if kind not in (None, "add", "reduce"):
        raise Reject(Reason.BAD_REQUEST, f"Invalid type: {kind!r} is neither add nor reduce")
    symbol, start, last = contract(d, t.symbol).symbol, instant_of(since), until_of(until)
    return cq.FetchMarginMoves(t.account, symbol, start, last)


def _insurance(d: Decoder, t: Trip) -> Any:
    contract(d, t.symbol)
    return cq.FetchInsurance(t.account)


def _ledger(d: Decoder, t: Trip) -> Any:
    kind, since, limit, *until = t.message
    if not is_futures(d, kind):
        raise Reject(
            Reason.NOT_SUPPORTED,
            "fetch_ledger is not supported for the spot wallet, as on Binance: "
            'params {"type": "swap"} asks for that of the futures wallet',
        )
    start, most, last = instant_of(since), limit_of(limit, 100, 1_000), until_of(until)
    return cq.FetchIncome(t.account, "", "", start, most, last, trades=True)


def _transfers(d: Decoder, t: Trip) -> Any:
    since, limit, *until = t.message
    start, most, last = instant_of(since), limit_of(limit, 100, 1_000), until_of(until)
    return cq.FetchIncome(t.account, "", "transfer", start, most, last)


def _forced_orders(d: Decoder, t: Trip) -> Any:
    symbol = contract(d, t.symbol).symbol if t.symbol else ""
    return q.FetchOrders(t.account, symbol, "all")


def write_changed_positions(d: Decoder, told: q.Positions) -> Any:
    """What a push of positions tells: those that were closed as well."""
    return [write.position(one) for one in told.positions]


def write_liquidation(d: Decoder, told: Any) -> Any:
    """What a push of a market's liquidations tells."""
    return [data.liquidation(told.order, told.market)]


def write_liquidations(d: Decoder, told: tuple[OrderSnapshot, ...]) -> Any:
    """Own orders that closed positions by force."""
    return [data.liquidation(one, d.market(one.order.symbol)) for one in told]


def _liquidations(d: Decoder, told: q.Orders) -> Any:
    return write_liquidations(d, tuple(o for o in told.orders if o.order.forced and o.filled))


UNTIL = ("until",)
DONE = {"code": 200, "msg": "success"}

CONTRACT_CALLS: dict[str, Row] = {
    "fetch_positions": Row(_positions, lambda d, told: write.positions(told)),
    "fetch_position": Row(_position, lambda d, told: write.one_position(told)),
    "set_leverage": Row(_set_leverage, lambda d, told: write.leverage_set(told)),
    "set_margin_mode": Row(_set_margin_mode, lambda d, told: dict(DONE)),
    "set_position_mode": Row(_set_position_mode, lambda d, told: dict(DONE)),
    "set_multi_assets_mode": Row(_set_multi_assets, lambda d, told: dict(DONE)),
    "fetch_multi_assets_mode": Row(
        lambda d, t: q.FetchMargin(t.account), lambda d, told: data.multi_assets_mode(told)
    ),
    "set_fee_burn": Row(_set_fee_burn, lambda d, told: dict(DONE)),
    "add_margin": Row(
        _adjust_margin(1), lambda d, told: write.margin_modification(told), ("positionSide",)
    ),
    "reduce_margin": Row(
        _adjust_margin(-1), lambda d, told: write.margin_modification(told), ("positionSide",)
    ),
    "fetch_leverage": Row(_each_position, lambda d, told: data.leverages(told)),
    "fetch_leverages": Row(_each_position, lambda d, told: data.leverages(told)),
    "fetch_margin_mode": Row(_each_position, lambda d, told: data.margin_modes(told)),
    "fetch_margin_modes": Row(_each_position, lambda d, told: data.margin_modes(told)),
    "fetch_position_mode": Row(
        lambda d, t: q.FetchMargin(t.account), lambda d, told: data.position_mode(told)
    ),
    "fetch_leverage_tiers": Row(
        lambda d, t: q.FetchMarkets(t.account),
        lambda d, told: data.leverage_tiers(told.markets),
    ),
    "fetch_funding_rate": Row(
        _of_contracts(cq.FetchFunding), lambda d, told: data.funding_rates(told)
    ),
    "fetch_funding_rates": Row(
        _of_contracts(cq.FetchFunding), lambda d, told: data.funding_rates(told)
    ),
    "fetch_funding_intervals": Row(
        _of_contracts(cq.FetchFunding), lambda d, told: data.funding_intervals(told)
    ),
    "fetch_funding_rate_history": Row(
        _funding_rates, lambda d, told: data.funding_history(told), UNTIL
    ),
    "fetch_funding_history": Row(_funding_payments, lambda d, told: data.incomes(told), UNTIL),
    "fetch_ledger": Row(_ledger, lambda d, told: data.ledger(told), (*UNTIL, "type")),
    "fetch_transfers": Row(_transfers, lambda d, told: data.transfers(told), UNTIL),
    "fetch_positions_adl_rank": Row(_positions, lambda d, told: data.adl_ranks(told)),
    "fetch_mark_price": Row(_mark_price, lambda d, told: data.mark_price(told)),
    "fetch_mark_prices": Row(
        _of_contracts(cq.FetchMarkPrices), lambda d, told: data.mark_prices(told)
    ),
    "fetch_open_interest": Row(_open_interest, lambda d, told: data.open_interest(told)),
    "fetch_open_interest_history": Row(
        _open_interests, lambda d, told: data.open_interests(told), UNTIL
    ),
    "fetch_margin_adjustment_history": Row(
        _margin_moves, lambda d, told: data.margin_moves(told), UNTIL
    ),
    "fetch_adl_rank": Row(_insurance, lambda d, told: data.adl_risks(told)),
    "fetch_my_liquidations": Row(_forced_orders, _liquidations),
    "transfer": Row(_transfer, lambda d, told: write.transfer(told)),
}
