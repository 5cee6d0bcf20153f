"""What a client has gained by trading, and what its bot believes it has gained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from failing_exchange.core.units import ATOMS, SECOND
from failing_exchange.judge.facts import Facts
from failing_exchange.judge.products import product_of

if TYPE_CHECKING:
    from failing_exchange.judge.probe import Sample

NOTICED = 1e-8  # units of an asset; a smaller difference is rounding
NOTICED_MONEY = 0.01  # units of the verdict's currency, of all differences together
GRACE_S = 60.0  # what has changed so shortly before the end the bot need not have booked


class Holding(NamedTuple):
    """One asset or position, as gained since the start: what the bot believes, and what is true.

    Both in units; `difference` is truth less belief, 0 where the belief was true within the grace.
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

    A belief that was true at any instant of the last `GRACE_S` counts as true, whatever the bot
    was told since. So a bot that trades equal lots each minute may be wrong by one lot unseen.

    `booked`: the changes in a bot's notebook. `sample`: else what a probe said.
    """
    since = at - int(GRACE_S * SECOND)
    if booked is not None:
        assets = sorted({*booked, *facts.traded.total, *facts.traded.cash})
        return {
            asset: _compared(booked.get(asset, 0.0), _gained(facts, asset, since))
            for asset in assets
        }
    if sample is None or (sample.positions is None and sample.balances is None):
        return None
    held = dict[str, float]()
    for symbol, amount in (sample.positions or {}).items():
        market = facts.market(symbol)
        name = product_of(market).held(market)
        held[name] = held.get(name, 0.0) + amount
    found = {
        name: _compared(amount, facts.traded.states(name, since=since))
        for name, amount in held.items()
    }
    for asset, total in (sample.balances or {}).items():
        wallets = facts.wallets_meant(asset, total)
        gained = total - facts.opened_with(asset, wallets) / ATOMS
        found[asset] = _compared(gained, _by_ledger(facts, asset, wallets, since))
    return found


def _gained(facts: Facts, asset: str, since: int) -> list[int]:
    if asset in facts.traded.cash:
        wallets = facts.engine.state.ledger.wallets(facts.account)
        return _by_ledger(facts, asset, wallets, since)
    return facts.traded.states(asset, since=since)


def _by_ledger(facts: Facts, asset: str, wallets: tuple[str, ...], since: int) -> list[int]:
    totals = facts.engine.state.ledger.totals(wallets, asset, since=since)
    return [total - facts.opened_with(asset, wallets) for total in reversed(totals)]


def _compared(believed: float, states: list[int]) -> Holding:
    true = states[-1] / ATOMS
    was = any(abs(state / ATOMS - believed) <= NOTICED for state in states)
    return Holding(believed, true, 0.0 if was else true - believed)


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
