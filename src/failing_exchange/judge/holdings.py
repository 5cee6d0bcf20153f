"""What a client has gained by trading, and what its bot believes it has gained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from failing_exchange.core.units import ATOMS, SECOND
from failing_exchange.judge.facts import Facts
from failing_exchange.judge.products import product_of, sign
from failing_exchange.judge.true_amounts import (
    TrueAmount,
    is_near,
    true_balance,
    true_gain,
    true_position,
)

if TYPE_CHECKING:
    from failing_exchange.judge.probe import Sample

NOTICED_MONEY = 0.01  # units of the verdict's currency, of all differences together
FOUND_OUT_S = 300.0  # seconds in which a bot should find out what it was not told


class Holding(NamedTuple):
    """One asset or position, as gained since the start: what the bot believes, and what is true.

    Both in units; `difference` is truth less belief, 0 where the belief is right.
    """

    believed: float
    true: float
    difference: float


def holdings(
    booked: Mapping[str, float] | None,
    sample: Sample | None,
    facts: Facts,
    at: int,
) -> dict[str, Holding] | None:
    """The assets of which the bot's belief is known; None where it is known of none.

    A belief is right if it lacks nothing but what `true_amounts` allows it to lack.

    `booked`: the changes in a bot's notebook. `sample`: else what a probe said.
    """
    if booked is not None:
        assets = sorted({*booked, *facts.traded.total, *facts.traded.cash})
        return {asset: _of_notebook(facts, asset, booked.get(asset, 0.0), at) for asset in assets}
    if sample is None or (sample.positions is None and sample.balances is None):
        return None
    found = dict[str, Holding]()
    for symbol, amount in (sample.positions or {}).items():
        market = facts.market(symbol)
        one = _compared(amount, true_position(facts, symbol, sample.at), sample.at)
        name = product_of(market).held(market)
        found[name] = _sum(one, found.get(name, NOTHING))
    for asset, total in (sample.balances or {}).items():
        wallets = facts.wallets_meant(asset, total)
        true = true_balance(facts, asset, wallets, sample.at)
        found[asset] = _compared(total, true, sample.at, facts.opened_with(asset, wallets))
    return found


def _of_notebook(facts: Facts, asset: str, gained: float, at: int) -> Holding:
    if asset not in facts.traded.cash:
        return _compared(gained, true_gain(facts, asset, at), at)
    wallets = facts.engine.state.ledger.wallets(facts.account)
    opening = facts.opened_with(asset, wallets)
    true = true_balance(facts, asset, wallets, at)
    return _compared(gained, true._replace(atoms=true.atoms - opening), at)


def _compared(believed: float, true: TrueAmount, at: int, opening: int = 0) -> Holding:
    """Compare a belief with the truth; both as gained since the `opening`, in atoms."""
    right = any(is_near(atoms, believed) for atoms in true.allowed(at))
    gained, started = (true.atoms - opening) / ATOMS, opening / ATOMS
    believed -= started
    return Holding(believed, gained, 0.0 if right else gained - believed)


def _sum(one: Holding, other: Holding) -> Holding:
    return Holding(*map(sum, zip(one, other, strict=True)))


NOTHING = Holding(0.0, 0.0, 0.0)


def wrong_money(found: Mapping[str, Holding], facts: Facts, at: int) -> float:
    """By how much a bot is wrong, in money: what it has or lacks unknowingly, whichever is more.

    Both sides of an unknown trade count once: 0.1 BTC that were bought twice are 0.1 BTC.
    """
    more = less = 0.0
    for asset, one in found.items():
        atoms = round(abs(one.difference) * ATOMS)
        value = facts.value(asset, atoms, at) or 0.0
        if one.difference > 0:
            more += value
        else:
            less += value
    return max(more, less) if max(more, less) > NOTICED_MONEY else 0.0


def untold_money(found: Mapping[str, Holding] | None, facts: Facts, at: int) -> float:
    """What orders have traded that the bot was never told of, buys less sells, in money.

    Not counted: what its beliefs (`found`) tell of, what happened less than `FOUND_OUT_S` ago, what
    a false answer hid, and forced closes, which have a rule of their own.
    """
    untold = dict[str, int]()
    for known in facts.orders.values():
        is_late = at - known.order.updated_at > FOUND_OUT_S * SECOND
        if known.unaware and is_late and known.false_by is None and not known.order.forced:
            lots = sign(known.order.side) * known.unaware
            untold[known.symbol] = untold.get(known.symbol, 0) + lots
    markets = {symbol: facts.market(symbol) for symbol in untold}
    return sum(
        facts.money(symbol, abs(lots), at) or 0.0
        for symbol, lots in untold.items()
        if product_of(markets[symbol]).held(markets[symbol]) not in (found or {})
    )
