"""Requests that change leverage, modes, and the margin of isolated positions.

"Change Initial Leverage", "Change Margin Type", "Change Position Mode", "Change Multi-Assets Mode",
"Toggle BNB Burn On Futures Trade" and "Modify Isolated Position Margin", 2026-08-19.
"""

from __future__ import annotations

from typing import Any

from failing_exchange.core import commands as c
from failing_exchange.core.collateral import SetFeeBurn, SetMultiAssets
from failing_exchange.core.positions import MarginMode
from failing_exchange.core.queries import Leverage
from failing_exchange.core.reject import Reason
from failing_exchange.core.units import ATOMS, atoms_text
from failing_exchange.venues.binance_common.call import Reading, Writing
from failing_exchange.venues.binance_common.refusals import refuse
from failing_exchange.venues.binance_common.values import venue_symbol
from failing_exchange.venues.binance_usdm.order_terms import position_side

MODES = {"ISOLATED": MarginMode.ISOLATED, "CROSSED": MarginMode.CROSS}
ADD, REDUCE = 1, 2  # the types of a change of margin
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


def write_margin(w: Writing, answer: Any) -> dict[str, Any]:
    """How much was moved."""
    atoms = w.command.atoms
    return {
        "code": 200,
        "msg": "Successfully modify position margin.",
        "amount": abs(atoms) / ATOMS,
        "type": ADD if atoms > 0 else REDUCE,
    }
