"""Which threads of this process are simulated. Elsewhere every patched function acts as always."""

from __future__ import annotations

import sys
from _thread import get_ident
from types import FrameType
from typing import Any

SIMULATED: dict[int, Any] = {}  # by the operating system's number of the thread
real_ident = get_ident  # kept here: `threading.get_ident` is replaced in a simulation


def frame_with_turn() -> FrameType | None:
    """Where the simulated thread is that has the turn; None where none has."""
    for sim in list(SIMULATED.values()):
        if sim.program.running is sim:
            return sys._current_frames().get(sim.real_ident)
    return None


def current() -> Any:
    """The simulated thread that asks (`threads.program.SimulatedThread`); None in any other."""
    return SIMULATED.get(real_ident())
