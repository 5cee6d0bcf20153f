"""What ends a simulation.

SimulationError
├── Deadlock          nothing can happen any more, and tasks wait
├── BudgetExceeded    a limit of the run: virtual time, turns at one instant, wall time
│   └── WallTimeExceeded  ... namely real time, which another machine has more of
└── Escape            the program reached for the real world
    └── UnknownHost   ... namely a host that is not in this simulation
"""

from __future__ import annotations


class SimulationError(RuntimeError):
    """The simulation can't go on, or can't begin; the message says why and what to do."""


class Deadlock(SimulationError):
    """Nothing can happen any more: no timer is set, no answer is under way, and tasks wait.

    The message lists who waits, in which call, at which file and line.
    """


class BudgetExceeded(SimulationError):
    """The run reached one of its limits; the message names the argument that raises it."""


class WallTimeExceeded(BudgetExceeded):
    """The run took more real time than it was given: that says little about the program."""


class Escape(SimulationError):
    """The program touched the real world: a socket, a subprocess, another thread."""


class UnknownHost(Escape):
    """No server of this simulation answers to that name, and the real network is out of reach."""


class Spins(BaseException):
    """Raised in a bot that never waits; not an Exception, so `except Exception` lets it pass."""
