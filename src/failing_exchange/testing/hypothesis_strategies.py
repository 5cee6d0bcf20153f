"""Hypothesis strategies for property tests: worlds with faults.

See `fault_plans`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from failing_exchange.core.units import HOUR_S
from failing_exchange.errors import ConfigurationError
from failing_exchange.explorer.recipes import kinds_of
from failing_exchange.explorer.trial import TrialResult, run
from failing_exchange.explorer.world import FaultSpec, World
from failing_exchange.runs.bot_process import calm_of
from failing_exchange.venues.base import DEFAULT

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

FAULTS_MAX = 5  # in one plan
NTH_MAX = 30  # a fault that strikes once strikes one of the first requests, up to this number


def fault_plans(
    *, seconds: float = float(HOUR_S), venue: str = "", faults: int = FAULTS_MAX
) -> SearchStrategy[World]:
    """Worlds with up to `faults` faults, each striking one request or some by chance.

    They shrink to few faults that strike early. `seconds` is the virtual time of a run; `venue` is
    that of bots that make their own clients, such as "binance". Needs the extra `hypothesis`.

    >>> import hypothesis
    >>> async def bot(exchange):
    ...     await exchange.create_order("BTC/USDT", "limit", "buy", 0.1, 40_000)
    >>> @hypothesis.settings(max_examples=2, database=None)
    ... @hypothesis.given(fault_plans(seconds=60, faults=1))
    ... def test_bot(world):
    ...     assert not run(bot, world).error
    >>> test_bot()

    Raises ConfigurationError if Hypothesis is not installed, or the venue is unknown.
    """
    try:
        from hypothesis import strategies as st
    except ImportError:
        raise ConfigurationError(
            "fault_plans() needs Hypothesis: pip install 'failing-exchange[hypothesis]'"
        ) from None
    once = st.integers(1, NTH_MAX).map("nth({})".format)
    often = st.sampled_from(["chance(0.01)", "chance(0.05)", "chance(0.2)"])
    arms = st.builds(
        lambda arm, when: arm._replace(when=when),
        st.sampled_from(kinds_of(venue).recipes),
        st.one_of(once, often),
    )
    calm = calm_of(seconds)
    return st.builds(
        lambda seed, chosen: World(
            seed=seed,
            seconds=seconds,
            calm=calm,
            faults=tuple(chosen),
            venue="" if venue == DEFAULT else venue,
        ),
        st.integers(0, 2**31),
        st.lists(arms, max_size=faults, unique_by=repr),
    )


__all__ = ["FaultSpec", "TrialResult", "World", "fault_plans", "run"]
