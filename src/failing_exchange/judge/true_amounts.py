"""What is true of an asset or a position, and what else a bot may rightly believe of it.

A belief may lack a fill of the last `GRACE_S` of which the bot was not told, or was told less than
`BOOKING_S` ago; every other fill must be in. A bot that takes its beliefs from looks may believe
what the newest look said, if that is not older than a minute, whatever it was told since.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from failing_exchange.core.ledger import FUTURES
from failing_exchange.core.units import ATOMS, SECOND
from failing_exchange.judge.facts import NEVER, Facts, fill_subject
from failing_exchange.judge.products import product_of

if TYPE_CHECKING:
    from failing_exchange.core.order import Fill
    from failing_exchange.judge.probe import Sample

NOTICED = 1e-8  # units of an asset; a smaller difference is rounding
GRACE_S = 60.0  # what is older than that must have been found out
BOOKING_S = 5.0  # what was told longer ago than that must have been booked
SUMS_MAX = 1_024  # combinations of missing changes; older ones only with all newer ones missing


class AmountChange(NamedTuple):
    """Atoms were gained at an instant; the client was told of it at another, or NEVER yet."""

    at: int
    atoms: int
    told_at: int


class TrueAmount(NamedTuple):
    """What there is, in atoms; how it came about lately, oldest first; and the newest look at it.

    `look`: the client was told how it stood at some instant between these two.
    """

    atoms: int
    changes: tuple[AmountChange, ...]
    look: tuple[int, int] | None

    def allowed(self, at: int, grace_s: float = GRACE_S) -> list[int]:
        """All that may be believed at an instant, in atoms; what is true comes first."""
        return list(dict.fromkeys((*self._booked(at, grace_s), *self._looked())))

    def is_booked(self, believed: float, at: int) -> bool:
        """Whether a belief is right as that of a bot which books changes, and not by its look."""
        if self.look is None or any(is_near(atoms, believed) for atoms in self._looked()):
            return False
        return any(is_near(atoms, believed) for atoms in self._booked(at))

    def _booked(self, at: int, grace_s: float = GRACE_S) -> list[int]:
        found, together = {self.atoms: None}, self.atoms
        happened, told = at - int(grace_s * SECOND), at - int(BOOKING_S * SECOND)
        for change in reversed(self.changes):
            if change.at <= happened or NEVER < change.told_at <= told:
                continue
            together -= change.atoms
            if len(found) <= SUMS_MAX // 2:
                found.update({atoms - change.atoms: None for atoms in list(found)})
            found[together] = None
        return list(found)

    def _looked(self) -> list[int]:
        if self.look is None:
            return []
        since, until = self.look
        found, atoms = list[int](), self.atoms
        for change in reversed(self.changes):
            if change.at <= until:
                found.append(atoms)
            if change.at <= since:
                return found
            atoms -= change.atoms
        return [*found, atoms]


def is_near(atoms: int, believed: float) -> bool:
    """Whether a belief, in units, is that many atoms, but for rounding."""
    return abs(atoms / ATOMS - believed) <= NOTICED


def true_position(facts: Facts, symbol: str, at: int, grace_s: float = GRACE_S) -> TrueAmount:
    """What trading in a market has gained of what is held there, after fees."""
    is_contract = product_of(facts.market(symbol)).opens_shorts
    look = _look(facts, symbol, ("positions" if is_contract else "spot",), at)
    since = _since(at, grace_s, look)
    gains = (
        (gain.fill, gain.held) for gain in facts.traded.newest(since) if gain.fill.symbol == symbol
    )
    return TrueAmount(facts.traded.held.get(symbol, 0), tuple(_told(facts, gains, since)), look)


def true_gain(facts: Facts, asset: str, at: int) -> TrueAmount:
    """What trading in all markets has gained of an asset, after fees, for one who books orders."""
    since = _since(at, GRACE_S, None)
    gains = (
        (gain.fill, gain.changes[asset])
        for gain in facts.traded.newest(since)
        if asset in gain.changes
    )
    return TrueAmount(facts.traded.total.get(asset, 0), tuple(_told(facts, gains, since)), None)


def true_balance(
    facts: Facts, asset: str, wallets: Collection[str], at: int, grace_s: float = GRACE_S
) -> TrueAmount:
    """What wallets hold of an asset.

    Changes that are not fills (funding, a transfer, a deposit) may be missing until the end of the
    grace, whenever they were told.
    """
    look = _look(facts, asset, {"futures" if FUTURES in name else "spot" for name in wallets}, at)
    since = _since(at, grace_s, look)
    told: dict[int, list[int]] = {}
    fills = ((gain.fill, 0) for gain in facts.traded.newest(since))
    for change in _told(facts, fills, since):
        told.setdefault(change.at, []).append(change.told_at)
    ledger = facts.engine.state.ledger
    changes = [
        AmountChange(when, atoms, NEVER if NEVER in told.get(when, (NEVER,)) else max(told[when]))
        for when, atoms in ledger.changes(wallets, asset, since=since)
    ]
    return TrueAmount(ledger.total(wallets, asset), tuple(changes[::-1]), look)


def note_bookers(facts: Facts, sample: Sample) -> None:
    """Note which of its beliefs a bot does not take from its looks: these do not excuse them."""
    for symbol, believed in (sample.positions or {}).items():
        if true_position(facts, symbol, sample.at).is_booked(believed, sample.at):
            facts.bookers[symbol] = None
    for asset, believed in (sample.balances or {}).items():
        wallets = facts.wallets_meant(asset, believed)
        if true_balance(facts, asset, wallets, sample.at).is_booked(believed, sample.at):
            facts.bookers[asset] = None


def _look(facts: Facts, name: str, kinds: Collection[str], at: int) -> tuple[int, int] | None:
    """When its newest look of each kind was; None where one is too old, or it goes by none."""
    if name in facts.bookers:
        return None
    told = at - int(BOOKING_S * SECOND)
    looks = [facts.looked(kind, told) for kind in kinds]
    oldest = min(since for since, _ in looks)
    if oldest <= told - int(GRACE_S * SECOND):
        return None
    return oldest, max(until for _, until in looks)


def _since(at: int, grace_s: float, look: tuple[int, int] | None) -> int:
    since = at - int(grace_s * SECOND)
    return since if look is None else min(since, look[0])


def _told(facts: Facts, gains: Iterable[tuple[Fill, int]], since: int) -> Iterator[AmountChange]:
    """What fills have changed, and when the client was told of each."""
    told = facts.fills_told(since)
    for fill, atoms in gains:
        yield AmountChange(fill.at, atoms, told.get(fill_subject(fill), NEVER))
