"""Requests that change leverage, modes, and the margin of isolated positions.

"Change Initial Leverage", "Change Margin Type", "Change Position Mode", "Change Multi-Assets Mode",
"Toggle BNB Burn On Futures Trade", "Modify Isolated Position Margin" and "Get Position Margin
Change History", 2026-08-19.
"""

from __future__ import annotations

from typing import Any

from failing_exchange.core import commands as c
from failing_exchange.core.collateral import SetFeeBurn, SetMultiAssets
from failing_exchange.core.contract_queries import FetchMarginMoves
from failing_exchange.core.positions import MarginMode, MarginMove
from failing_exchange.core.queries import Leverage
from failing_exchange.core.reject import Reason
from failing_exchange.core.units import ATOMS, DAY, MILLISECOND, atoms_text
from failing_exchange.venues.binance_common.call import Reading, Writing
from failing_exchange.venues.binance_common.refusals import refuse
from failing_exchange.venues.binance_common.values import decimal, venue_symbol
from failing_exchange.venues.binance_usdm.order_terms import position_side
from failing_exchange.venues.binance_usdm.trade_history import limit_of

MODES = {"ISOLATED": MarginMode.ISOLATED, "CROSSED": MarginMode.CROSS}
ADD, REDUCE = 1, 2  # the types of a change of margin
MOVES, MOVES_MAX = 500, 500  # rows of one answer; a larger limit is refused
MOVES_SPAN = 30 * DAY  # how far back changes of margin go
DONE = {"code": 200, "msg": "success"}


def read_leverage(r: Reading) -> c.SetLeverage:
    """POST /fapi/v1/leverage."""
    market = r.market()
    return c.SetLeverage(r.account, market.symbol, r.params.integer("leverage"))


def write_leverage(w: Writing, answer: Leverage) -> dict[str, Any]:
    """The leverage, and the largest position that it allows."""
    return {
        "symbol": venue_symbol(answer.symbol),
        "leverage": answer.leverage,
        "maxNotionalValue": atoms_text(answer.notional_max),
    }


def read_margin_type(r: Reading) -> c.SetMarginMode:
    """POST /fapi/v1/marginType."""
    return c.SetMarginMode(r.account, r.market().symbol, r.params.one_of("marginType", MODES))


def read_position_mode(r: Reading) -> c.SetPositionMode:
    """POST /fapi/v1/positionSide/dual."""
    r.params.need("dualSidePosition")
    return c.SetPositionMode(r.account, r.params.flag("dualSidePosition"))


def read_multi_assets(r: Reading) -> SetMultiAssets:
    """POST /fapi/v1/multiAssetsMargin."""
    r.params.need("multiAssetsMargin")
    return SetMultiAssets(r.account, r.params.flag("multiAssetsMargin"))


def read_fee_burn(r: Reading) -> SetFeeBurn:
    """POST /fapi/v1/feeBurn."""
    r.params.need("feeBurn")
    return SetFeeBurn(r.account, r.params.flag("feeBurn"))


def write_done(w: Writing, answer: Any) -> dict[str, Any]:
    """What a change of a mode is answered."""
    return DONE


def read_margin(r: Reading) -> c.AdjustMargin:
    """POST /fapi/v1/positionMargin."""
    p, market = r.params, r.market()
    atoms = p.atoms("amount", Reason.BAD_REQUEST)
    if atoms < 1:
        refuse("AMOUNT_MUST_BE_POSITIVE", "Amount must be positive.")
    kind = p.integer("type")
    if kind not in (ADD, REDUCE):
        refuse("INVALID_PARAMETER", "Data sent for parameter 'type' is not valid.")
    signed = atoms if kind == ADD else -atoms
    return c.AdjustMargin(r.account, market.symbol, signed, position_side(p))


def read_moves(r: Reading) -> FetchMarginMoves:
    """GET /fapi/v1/positionMargin/history: of the last 30 days, where nothing else is asked."""
    p, market = r.params, r.market()
    if "type" in p and p.integer("type") not in (ADD, REDUCE):
        refuse("INVALID_PARAMETER", "Data sent for parameter 'type' is not valid.")
    limit_of(p, MOVES, MOVES_MAX)
    since, until = p.instant("startTime"), p.instant("endTime")
    if since and until and since > until:
        refuse("START_TIME_GREATER_THAN_END_TIME", "Start time is greater than end time.")
    if since and (until or r.at) - since > MOVES_SPAN:
        refuse("INVALID_TIME_INTERVAL", "Maximum time interval is 30 days.")
    oldest = max(1, r.at - MOVES_SPAN)
    last = until + MILLISECOND - 1 if until else 0
    return FetchMarginMoves(r.account, market.symbol, max(since, oldest), last)


def write_moves(w: Writing, answer: tuple[MarginMove, ...]) -> list[dict[str, Any]]:
    """What the client moved itself, oldest first."""
    p = w.params
    kind, limit = p.integer("type", 0), p.integer("limit", MOVES)
    rows = [_move(one) for one in answer if not kind or (one.atoms > 0) is (kind == ADD)]
    return rows[-limit:]


def _move(one: MarginMove) -> dict[str, Any]:
    return {
        "symbol": venue_symbol(one.symbol),
        "type": ADD if one.atoms > 0 else REDUCE,
        "deltaType": "USER_ADJUST",
        "amount": decimal(abs(one.atoms)),
        "asset": one.asset,
        "time": one.at // MILLISECOND,
        "positionSide": one.side.name,
    }


def write_margin(w: Writing, answer: Any) -> dict[str, Any]:
    """How much was moved."""
    atoms = w.command.atoms
    return {
        "code": 200,
        "msg": "Successfully modify position margin.",
        "amount": abs(atoms) / ATOMS,
        "type": ADD if atoms > 0 else REDUCE,
    }
