"""Which threads of this process are simulated. Elsewhere every patched function acts as always."""

from __future__ import annotations

from _thread import get_ident
from typing import Any

SIMULATED: dict[int, Any] = {}  # by the operating system's number of the thread
real_ident = get_ident  # kept here: `threading.get_ident` is replaced in a simulation


def current() -> Any:
    """The simulated thread that asks (`threads.program.SimulatedThread`); None in any other."""
    return SIMULATED.get(real_ident())
