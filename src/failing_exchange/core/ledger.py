"""The ledger: balances of all accounts, changed only by balanced postings."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator
from enum import StrEnum
from typing import TypeAlias

from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.units import atoms_text

WORLD = "(world)"  # where deposits come from: its balances are minus all that was paid in
BACKGROUND = "(background)"  # the other traders: may owe, like the world
FEES = "(fees)"  # what the venue has earned
CLEARING = "(clearing)"  # profit and loss of contracts: owes what open positions were entered for
FUNDING = "(funding)"  # what rounding leaves of funding payments
INSURANCE = "(insurance)"  # pays what liquidated accounts cannot
OUTSIDE = (WORLD, BACKGROUND, FEES, CLEARING, FUNDING, INSURANCE)
FUTURES = "@futures"  # added to an account's name: its futures wallet, which may owe
TRANSACTION = "(transaction)"  # in place of an account: no change, but where an event begins
UNDO_KEPT_MAX = 16_384  # changes kept for reads of an earlier state; older ones read as the oldest


# One balance's change, kept so that an earlier state can be read: at, account, asset, free, used.
# A bare tuple: one is made for every posting.
Change: TypeAlias = tuple[int, str, str, int, int]


class Wallet(StrEnum):
    """A wallet of an account."""

    __hash__ = str.__hash__

    SPOT = "spot"
    FUTURES = "futures"


def futures_wallet(account: str) -> str:
    """The name of an account's futures wallet in the ledger.

    >>> futures_wallet("alice")
    'alice@futures'
    """
    return account + FUTURES


def _may_owe(name: str) -> bool:
    """Whether a balance may be negative: outside, or backed by a position's open profit."""
    return name in OUTSIDE or name.endswith(FUTURES)


class Ledger:
    """Balances in atoms, free and used. The sum of an asset over all accounts is always zero.

    >>> ledger = Ledger()
    >>> ledger.open("alice")
    >>> ledger.transfer(WORLD, "alice", "USDT", 100, at=0)
    >>> ledger.free("alice", "USDT"), ledger.total_of("USDT")
    (100, 0)
    """

    def __init__(self) -> None:
        self._free: dict[str, dict[str, int]] = {name: {} for name in OUTSIDE}
        self._used: dict[str, dict[str, int]] = {name: {} for name in OUTSIDE}
        self._undo: deque[Change] = deque(maxlen=UNDO_KEPT_MAX)

    def open(self, account: str) -> None:
        """Make room for an account; opening it twice changes nothing."""
        self._free.setdefault(account, {})
        self._used.setdefault(account, {})

    def accounts(self) -> list[str]:
        """All accounts, the outside ones first."""
        return list(self._free)

    def free(self, account: str, asset: str) -> int:
        """Atoms of the asset that the account can spend."""
        return self._free[account].get(asset, 0)

    def used(self, account: str, asset: str) -> int:
        """Atoms of the asset that open orders, positions and locks hold."""
        return self._used[account].get(asset, 0)

    def total_of(self, asset: str) -> int:
        """The sum over all accounts, outside ones included; always zero in a sound ledger."""
        books = (*self._free.values(), *self._used.values())
        return sum(book.get(asset, 0) for book in books)

    def assets(self) -> list[str]:
        """Every asset with a posting, sorted by name."""
        names = {asset for book in self._free.values() for asset in book}
        names.update(asset for book in self._used.values() for asset in book)
        return sorted(names)

    def mark(self, number: int, at: int) -> None:
        """Mark where the postings of an event, and of those after it, begin."""
        self._undo.append((at, TRANSACTION, "", number, 0))

    def balances(
        self, account: str, *, as_of: int = 0, before: int = 0
    ) -> dict[str, tuple[int, int]]:
        """(free, used) by asset; at an earlier instant, or before a marked event."""
        free, used = dict(self._free[account]), dict(self._used[account])
        if as_of or before:
            for at, name, asset, freed, held in reversed(self._undo):
                if at <= as_of or (name == TRANSACTION and freed == before):
                    break
                if name == account:
                    free[asset] = free.get(asset, 0) - freed
                    used[asset] = used.get(asset, 0) - held
        return {asset: (free.get(asset, 0), used.get(asset, 0)) for asset in free}

    def wallets(self, account: str) -> tuple[str, ...]:
        """The names under which an account has balances: spot, and futures where there are any."""
        futures = futures_wallet(account)
        return (account, futures) if futures in self._free else (account,)

    def owned(self, account: str) -> dict[str, int]:
        """Atoms by asset that an account has in all its wallets, used ones included."""
        found: dict[str, int] = {}
        for wallet in self.wallets(account):
            for asset, (free, used) in self.balances(wallet).items():
                found[asset] = found.get(asset, 0) + free + used
        return found

    def total(self, wallets: Collection[str], asset: str) -> int:
        """Atoms of an asset that wallets hold, free and used."""
        return sum(self.free(name, asset) + self.used(name, asset) for name in wallets)

    def changes(
        self, wallets: Collection[str], asset: str, *, since: int
    ) -> Iterator[tuple[int, int]]:
        """(instant, atoms) of what wallets together gained of an asset since then, newest first.

        What changed at one instant is one change.
        """
        instant = sum_ = 0
        for at, name, changed, freed, held in reversed(self._undo):
            if at <= since:
                break
            if name in wallets and changed == asset:
                if at != instant and sum_:
                    yield instant, sum_
                    sum_ = 0
                instant, sum_ = at, sum_ + freed + held
        if sum_:
            yield instant, sum_

    def reserve(self, account: str, asset: str, atoms: int, at: int) -> None:
        """Move from free to used; raise `Reject` when there is too little."""
        free = self._free[account]
        have = free.get(asset, 0)
        if have < atoms:
            raise Reject(
                Reason.INSUFFICIENT_FUNDS,
                free=atoms_text(have), asset=asset, needed=atoms_text(atoms),
            )  # fmt: skip
        free[asset] = have - atoms
        used = self._used[account]
        used[asset] = used.get(asset, 0) + atoms
        self._undo.append((at, account, asset, -atoms, atoms))

    def release(self, account: str, asset: str, atoms: int, *, at: int) -> None:
        """Move from used back to free."""
        if atoms:
            used = self._used[account]
            used[asset] -= atoms
            assert used[asset] >= 0, f"{account} would use {used[asset]} {asset}"
            free = self._free[account]
            free[asset] = free.get(asset, 0) + atoms
            self._undo.append((at, account, asset, atoms, -atoms))

    def pay(self, payer: str, payee: str, asset: str, atoms: int, *, at: int) -> None:
        """Move from the payer's used to the payee's free balance: the settlement of a match."""
        if not atoms:
            return
        used = self._used[payer]
        used[asset] = used.get(asset, 0) - atoms
        assert used[asset] >= 0, f"{payer} would use {used[asset]} {asset}"
        free = self._free[payee]
        free[asset] = free.get(asset, 0) + atoms
        self._undo.append((at, payer, asset, 0, -atoms))
        self._undo.append((at, payee, asset, atoms, 0))

    def transfer(self, payer: str, payee: str, asset: str, atoms: int, *, at: int) -> None:
        """Move between free balances; only the outside and futures wallets may owe."""
        if not atoms:
            return
        free = self._free[payer]
        left = free.get(asset, 0) - atoms
        assert left >= 0 or _may_owe(payer), f"{payer} would have {left} {asset}"
        free[asset] = left
        book = self._free[payee]
        book[asset] = book.get(asset, 0) + atoms
        self._undo.append((at, payer, asset, -atoms, 0))
        self._undo.append((at, payee, asset, atoms, 0))
