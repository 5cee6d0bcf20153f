"""One judged run in which an agent acts: its calls come one by one, from outside.

In virtual time no time passes between two calls: the market stands still while the agent thinks,
and the same calls have the same answers for the same seed.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

from failing_exchange.agents.operator import Operator
from failing_exchange.agents.stated_beliefs import Belief, Beliefs
from failing_exchange.agents.tasks import OpeningOrder, Task, TaskOutcome, task_of
from failing_exchange.agents.trader import Trader, tools_of
from failing_exchange.client.exchange import FailingExchange
from failing_exchange.errors import BadRequestError, ConfigurationError, FailingExchangeError
from failing_exchange.runs.bot_run import Run, RunConfig, RunReport
from failing_exchange.scenarios.scenario import Scenario, load
from failing_exchange.venue.plain_view import instant

CALLS_MAX = 10_000  # of one run; a further one ends it, as `finish` does
ARGUMENT_SHOWN_MAX = 500  # characters of a call's arguments in the results; the rest is cut
CALL_BYTES_MAX = 1 << 20  # of a call as JSON; a longer one is refused
FINISH = "finish"


class ToolCall(NamedTuple):
    """What an agent asks for."""

    tool: str
    arguments: Mapping[str, Any]


class CallSource(Protocol):
    """Where calls come from."""

    async def next(self) -> ToolCall | None:
        """The next call; None: the agent has gone."""

    def answer(self, found: dict[str, Any]) -> None:
        """Send {"result": …} or {"error": text}, each with the venue's `time`."""


class Done(NamedTuple):
    """A call that was answered, and the numbers of the first and last request that it sent."""

    tool: str
    arguments: str
    at: int
    requests: tuple[int, int]
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class AgentConfig:
    """What an agent is given. `scenario`: a shipped name or a file; a task has one of its own."""

    task: str = ""
    scenario: str = ""
    seed: int | None = None
    duration: float | None = None
    real_time: bool = False
    operator: bool = False

    def check(self) -> None:
        """Raise ConfigurationError for what can't be run."""
        if self.task and self.scenario:
            raise ConfigurationError(
                f"--task {self.task} has its own scenario; leave out --scenario {self.scenario}"
            )
        self.world()

    def world(self) -> Scenario | None:
        """The scenario, if there is one."""
        if self.task:
            return task_of(self.task).world()
        return load(self.scenario) if self.scenario else None

    def again(self) -> str:
        """The command line that starts the same run."""
        given = {"task": self.task, "scenario": self.scenario, "seed": self.seed,
                 "duration": self.duration}  # fmt: skip
        parts = [f" --{name} {value}" for name, value in given.items() if value not in ("", None)]
        switches = {"real-time": self.real_time, "operator": self.operator}
        parts += [f" --{name}" for name, is_on in switches.items() if is_on]
        return "failing-exchange mcp" + "".join(parts)


class AgentSession:
    """A run whose bot is an agent outside."""

    def __init__(self, config: AgentConfig, channel: CallSource) -> None:
        self.config = config
        self.task: Task | None = task_of(config.task) if config.task else None
        self.channel = channel
        self.done: list[Done] = []
        self._later = config.world()  # its faults begin with the first call
        wanted = RunConfig(
            bot="agent", seed=config.seed, duration=config.duration, modes=(), calm=0.0,
            real_time=config.real_time,
        )  # fmt: skip
        calm = None if self._later is None else replace(self._later, faults=(), incidents=())
        self._run = Run(wanted.resolved(calm), calm, waiting_bot=self._agent)
        self.exchange: FailingExchange = self._run.exchange
        judge = self._run.judged.judge
        self.beliefs = Beliefs(self.exchange)
        self.beliefs.judge = judge
        self._tools = tools_of(Trader(self.exchange, self.beliefs))
        if config.operator:
            self._tools |= tools_of(Operator(self.exchange, judge))
        self._seen: list[Belief] = []  # the truth at the start and after each call

    def play(self) -> dict[str, Any]:
        """Let the agent act until it finishes, goes, or the time is over; the results."""
        report = self._run.carry_out()
        return {**report.as_dict(), "again": self.config.again(), "agent": self._card(report)}

    async def _agent(self, exchange: FailingExchange) -> None:
        """The bot of this run."""
        self.beliefs.begin()
        for order in () if self.task is None else self.task.before:
            await _place(exchange, order)
        self._seen = [self.beliefs.truth()]
        if self._later is not None:
            only = replace(self._later, accounts={}, rate_limit=None, modes=())
            only.apply(exchange)
        while len(self.done) < CALLS_MAX:
            call = await self.channel.next()
            if call is None or call.tool == FINISH:
                break
            await self._answer(call)
            self._seen.append(self.beliefs.truth())

    async def _answer(self, call: ToolCall) -> None:
        """Carry out one call; an error of the venue is an answer, too."""
        before, clock = self.exchange.journal.last, self.exchange.venue.clock
        answer: dict[str, Any]
        try:
            answer = {"result": await self._carried_out(call)}
        except (FailingExchangeError, ArithmeticError, ValueError, TypeError) as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        except asyncio.CancelledError:  # the time of the run is over
            self.channel.answer({"error": "the run is over: its time has passed", "over": True})
            raise
        arguments = str(dict(call.arguments))[:ARGUMENT_SHOWN_MAX]
        sent = (before + 1, self.exchange.journal.last)
        why = str(answer.get("error", ""))[:ARGUMENT_SHOWN_MAX]
        self.done.append(Done(call.tool, arguments, clock.now(), sent, why))
        self.channel.answer({**answer, "time": dict(instant("at", clock.now()))["at"]})

    async def _carried_out(self, call: ToolCall) -> Any:
        tool = self._tools.get(call.tool)
        if tool is None:
            raise BadRequestError(f"no tool {call.tool!r}; there are {', '.join(self._tools)}")
        try:
            inspect.signature(tool).bind(**call.arguments)
        except TypeError as error:
            raise BadRequestError(f"{call.tool}: {error}") from None
        acting: Callable[..., Awaitable[Any]] = tool
        return await acting(**call.arguments)

    # ---- the end

    def _card(self, report: RunReport) -> dict[str, Any]:
        """What the agent did and believed, and whether it passed."""
        found: dict[str, Any] = {
            "calls": [one._asdict() for one in self.done],
            "requests_a_call": _mean([last - first + 1 for *_, (first, last), _ in self.done]),
            "beliefs": [one.as_dict() for one in self.beliefs.stated],
        }
        if self.task is not None:
            unmet = self._unmet(self.task, report)
            found |= {"task": self.task.name, "brief": self.task.brief,
                      "passed": not unmet, "unmet": unmet}  # fmt: skip
        return found

    def _unmet(self, task: Task, report: RunReport) -> list[str]:
        if report.verdict is None or not self._seen:
            return [report.stopped or "it never began"]
        return task.unmet(TaskOutcome(self._seen, self.beliefs.stated, report.verdict))


async def _place(exchange: FailingExchange, order: OpeningOrder) -> None:
    await exchange.create_order(order.symbol, "market", order.side, order.amount)


def _mean(counts: list[int]) -> float:
    return sum(counts) / len(counts) if counts else 0.0
