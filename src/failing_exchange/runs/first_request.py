"""Tell a bot that could not begin from one that failed: it died before it sent a request.

Nothing of the exchange was involved, so that a rule has nothing to say about it.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from failing_exchange.virtual.errors import BudgetExceeded, Spins

if TYPE_CHECKING:
    from failing_exchange.judge.verdict import Verdict

NO_MODULE = re.compile(r"ModuleNotFoundError: No module named '([\w.]+)'")
SPINS = re.compile(rf"(in thread .+: )?({Spins.__name__}|{BudgetExceeded.__name__}): ")


def spins(crashed: str | None) -> bool:
    """Whether what ended a bot (`Ending.crashed`) says that it never gives time."""
    return SPINS.match(crashed or "") is not None


def way_out(text: str) -> str:
    """What to do about an error in which a module is missing; empty for any other."""
    found = NO_MODULE.search(text)
    if found is None:
        return ""
    name = found[1].partition(".")[0]
    return f"; is {name} installed for this Python? Try: {sys.executable} -m pip install {name}"


def why_not_begun(verdict: Verdict, place: str = "") -> str:
    """Why a bot died without a request, in one line; empty where it sent one, or spins.

    `place`: the line of its code. A fault may have kept a request away: then it has begun.
    """
    if verdict.requests or verdict.faults or not verdict.crashed or spins(verdict.crashed):
        return ""
    where = f" ({place})" if place else ""
    died = f"your bot died before its first request: {verdict.crashed}{where}"
    return died + way_out(verdict.crashed)
