"""What a belief may lack: what happened lately and was not told, or was told just now."""

from __future__ import annotations

import pytest

from failing_exchange.core.units import SECOND
from failing_exchange.judge import true_amounts as module
from failing_exchange.judge.facts import NEVER
from failing_exchange.judge.true_amounts import AmountChange, TrueAmount

NOW = 1_000 * SECOND


def change(ago: float, atoms: int, told_ago: float | None = None) -> AmountChange:
    """A change so many seconds ago, of which the client was told so many seconds ago, or never."""
    told = NEVER if told_ago is None else NOW - round(told_ago * SECOND)
    return AmountChange(NOW - round(ago * SECOND), atoms, told)


def allowed(*changes: AmountChange, look: tuple[float, float] | None = None) -> set[int]:
    """What may be believed of 1,000 atoms; `look`: the seconds since the newest one."""
    instants = look and (NOW - round(look[0] * SECOND), NOW - round(look[1] * SECOND))
    return set(TrueAmount(1_000, changes, instants).allowed(NOW))


@pytest.mark.parametrize(
    ("one", "may_lack"),
    [
        (change(59, 0), True),
        (change(61, 0), False),  # it should have found out
        (change(59, 0, 4), True),
        (change(59, 0, 6), False),  # it was told, and should have booked it
        (change(61, 0, 4), False),
    ],
)  # fmt: skip
def test_a_late_change_that_was_not_told_may_be_missing(one: AmountChange, may_lack: bool) -> None:
    """Of a change that is told it matters when it was told; of an older one nothing does."""
    assert allowed(one._replace(atoms=7)) == ({1_000, 993} if may_lack else {1_000})


def test_each_of_them_may_be_missing_alone() -> None:
    """An order whose answer was lost is missing, though a later one is booked."""
    assert allowed(change(50, 1), change(40, 10), change(30, 100, 30)) == {1_000, 999, 990, 989}


def test_of_many_the_older_are_missing_only_with_all_newer_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """More combinations could not be tried; a bot that has seen nothing since is still right."""
    monkeypatch.setattr(module, "SUMS_MAX", 4)
    found = allowed(*(change(50 - n, 10**n) for n in range(4)))
    assert found == {1_000, 1_000 - 1_000, 1_000 - 100, 1_000 - 1_100, 1_000 - 1_110, 1_000 - 1_111}


def test_a_bot_that_goes_by_its_look_may_believe_what_it_saw() -> None:
    """Between its begin and its end; what came later it has not seen, though it was told of it."""
    changes = (change(50, 1, 50), change(40, 10, 40), change(30, 100, 30))
    assert allowed(*changes) == {1_000}
    assert allowed(*changes, look=(45, 44)) == {1_000, 890}
    assert allowed(*changes, look=(41, 39)) == {1_000, 890, 900}
    assert allowed(*changes, look=(20, 19)) == {1_000}
    assert allowed(*changes, look=(60, 59)) == {1_000, 889}


def test_a_bot_that_books_is_known_by_what_it_believes_beside_its_look() -> None:
    """Right, and not as its look says: its look excuses it no more."""
    true = TrueAmount(1_000, (change(30, 100, 30),), (NOW - 40 * SECOND, NOW - 39 * SECOND))
    assert true.is_booked(1_000 / 1e8, NOW)
    assert not true.is_booked(900 / 1e8, NOW)
    assert not true.is_booked(800 / 1e8, NOW)
    assert not true._replace(look=None).is_booked(1_000 / 1e8, NOW), "it may look later"
