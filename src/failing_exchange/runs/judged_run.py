"""Run a bot in virtual time and judge it: what `run`, the report card and `explore` have in common.

A run ends after its time, or by the bot: each way is part of the verdict.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from failing_exchange.core.auditor import audit
from failing_exchange.core.units import DAY_S
from failing_exchange.report.recorder import Recorder
from failing_exchange.runs.bot_loader import Bot, parameters
from failing_exchange.runs.bot_process import (
    Ending,
    Progress,
    crash_of,
    no_progress,
    play,
    served_to,
    wall_limit,
)
from failing_exchange.runs.bots import Notebook
from failing_exchange.simulation import Start, simulate
from failing_exchange.virtual.errors import BudgetExceeded, Deadlock

if TYPE_CHECKING:
    from failing_exchange.client.exchange import FailingExchange
    from failing_exchange.judge.judge import Judge
    from failing_exchange.judge.verdict import Verdict


@dataclass(slots=True, kw_only=True)
class JudgedRun:
    """One bot on one exchange. The fields are the parameters of `play`; `verdict` comes last."""

    bot: Bot
    exchange: FailingExchange
    judge: Judge
    seconds: float
    notebook: Notebook = field(default_factory=Notebook)
    restarts: Sequence[float] = ()
    calm: float = 0.0
    intents: Sequence[Mapping[str, Any]] = ()
    venue: str = ""  # that a bot with clients of its own reaches; empty: the default one
    until: int = 0
    again: Callable[[], Bot] | None = None
    progress: Progress = no_progress
    verdict: Verdict | None = None
    lasted: float = 0.0  # seconds of the loop's clock

    @property
    def notebook_of_bot(self) -> Notebook | None:
        """The notebook, if the bot keeps one."""
        return self.notebook if "notebook" in parameters(self.bot) else None

    def simulate(self, *, seed: int, start: Start) -> None:
        """Run and judge in virtual time.

        Raises:
            WallTimeExceeded: it took too long.
            InternalError: a bug of this package.
        """
        try:
            simulate(
                self.main(),
                seed=seed,
                start=start,
                virtual_seconds_max=self.seconds + DAY_S,
                wall_seconds_max=wall_limit(self.seconds),
                venue=served_to(self.bot, self.exchange, self.venue),
            )
        except (BudgetExceeded, Deadlock, SystemExit) as error:
            self.conclude(crash_of(error))

    async def main(self) -> None:
        """Run and judge on the running loop."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            ending = await play(
                self.bot,
                self.exchange,
                seconds=self.seconds,
                judge=self.judge,
                notebook=self.notebook,
                restarts=self.restarts,
                calm=self.calm,
                intents=self.intents,
                until=self.until,
                progress=self.progress,
                again=self.again,
            )
            self.conclude(ending)
        finally:
            self.lasted = loop.time() - began
            await self.exchange.close()

    def conclude(self, ending: Ending | None = None) -> None:
        """Audit the exchange and hear the judge; without a verdict where the run never began."""
        engine = self.exchange.venue.engine
        if engine is not None and self.judge.is_attached:
            audit(engine)
            self.verdict = self.judge.verdict(**(ending or Ending())._asdict())


def recorded(exchange: FailingExchange, notebook: Notebook | None) -> Recorder:
    """Record a run for its report from the start of the venue on."""
    recorder = Recorder(exchange.venue)
    if notebook is not None:
        recorder.believed = notebook.holds
    exchange.venue.on_start.append(recorder.attach)
    return recorder
