"""Run a program several times in fresh processes, and show the first difference.

Each run has another PYTHONHASHSEED and heap size, so that orders which depend on hashes or
addresses come out differently. Compared are the lines of the run's trace: what the
journal passes to `journal.trace.trace`, what the program prints, and how it ended.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from inspect import iscoroutinefunction
from itertools import chain, repeat
from pathlib import Path
from typing import Any, TextIO, cast

from failing_exchange.client.exchange import FailingExchange
from failing_exchange.core.units import DAY_S, HOUR_S, SECOND
from failing_exchange.errors import ConfigurationError
from failing_exchange.journal.trace import listening, trace
from failing_exchange.judge.judge import Judge
from failing_exchange.runs import programs
from failing_exchange.runs.bot_environment import BotEnvironment
from failing_exchange.runs.bot_loader import Bot, load_module, parameters, search_path
from failing_exchange.runs.bot_process import JudgedRun
from failing_exchange.runs.programs import LoadedProgram, ProgramSpec
from failing_exchange.runs.watchdog import watched
from failing_exchange.simulation import VirtualTime, hosted, load_venue, simulate, virtual_time
from failing_exchange.text.spelling import did_you_mean
from failing_exchange.venues.base import DEFAULT

RUNS_MAX = 100  # more are refused: each is a process of its own
BOT_SECONDS = float(HOUR_S)  # of virtual time
BOT_FAILURE_RATE = 0.1
PROGRAM_SECONDS_MAX = float(DAY_S)  # of virtual time; a program that never ends is cut off there
CONTEXT_LINES = 3  # equal lines shown before the first difference

ENDED = "<the trace ended here>"
ENDED_BY = "ended by "
NO_ENVIRONMENT = BotEnvironment()
SHOWN = "backslashreplace"  # bytes that are not UTF-8
UNUSABLE = 3  # exit code of a run without such a program; the reason is its last line


@dataclass(frozen=True)
class DeterminismReport:
    """What the comparison found. `str(report)` is meant for people, `report.same` for programs.

    `lines` counts the equal lines from the start, `digest` is the SHA-256 of the first run's
    trace. If the runs differ, `run` is the first one unlike run 1 (counted from 1), `expected` and
    `found` are the first line that differs in run 1 and in that run, and `before` the lines above.
    """

    target: str
    seed: int
    runs: int
    same: bool
    lines: int
    digest: str
    run: int = 0
    expected: str = ""
    found: str = ""
    before: tuple[str, ...] = ()
    ending: str = ""  # what the equal runs ended by, if by an error

    def __str__(self) -> str:
        if self.same:
            return (
                f"{self.target}: {self.runs} runs of seed {self.seed} are the same, "
                f"{self.lines:,} lines, sha256 {self.digest[:16]}"
                + (f"; each {self.ending}" if self.ending else "")
            )
        context = "".join(f"          {line}\n" for line in self.before)
        return (
            f"{self.target}: run {self.run} of seed {self.seed} differs at line "
            f"{self.lines + 1:,}\n"
            f"{context}  run 1:  {self.expected}\n  run {self.run}:  {self.found}\n"
            "Usual causes: iteration over a set of strings, id() or repr() of an object without "
            "one of its own, a thread, a file that the run before has written (--files gives each "
            "run a fresh copy of a folder), the environment."
        )


def check_determinism(
    target: str,
    *,
    seed: int = 0,
    runs: int = 2,
    argv: Sequence[str] = (),
    environment: BotEnvironment = NO_ENVIRONMENT,
) -> DeterminismReport:
    """Run `target` `runs` times and compare the traces.

    `target` is the path of a script, "-m module", or "path.py:function": a function without
    arguments, async or not, or a bot, `async def main(exchange)`, which trades for an hour on an
    exchange that fails one request in ten; `argv` are the arguments of a program, `environment` its
    variables and the folder of which each run gets a fresh copy. All but such a bot find Binance
    under its production names, without faults; they end after a virtual day at the latest. A run
    that ends in an exception is compared like any other. Raises ConfigurationError for a target
    that is not there.
    """
    _Target.parse(target)
    environment.check()
    if not 2 <= runs <= RUNS_MAX:
        raise ConfigurationError(f"runs={runs!r}; expected 2 to {RUNS_MAX}")
    with tempfile.TemporaryDirectory() as folder:
        traces = [Path(folder) / f"trace-{number}" for number in range(runs)]
        for number, path in enumerate(traces):
            _run_in_process(number, target, seed, path, argv, environment)
        differences = (_compare(target, seed, number, traces) for number in range(1, runs))
        found = next((report for report in differences if not report.same), None)
        return found or _compare(target, seed, runs - 1, traces)


def _run_in_process(
    number: int,
    target: str,
    seed: int,
    path: Path,
    argv: Sequence[str],
    given: BotEnvironment,
) -> None:
    environment = dict(
        os.environ | dict(given.variables),
        PYTHONHASHSEED=str(number * 7919 + 1),
        PYTHONPATH=search_path(),
    )
    command = [
        sys.executable,
        "-m",
        __spec__.name,
        target,
        str(seed),
        str(path),
        str(number),
        given.files,
        *argv,
    ]
    done = subprocess.run(
        command, env=environment, capture_output=True, encoding="utf-8", errors=SHOWN, check=False
    )
    if done.returncode == UNUSABLE:
        raise ConfigurationError(done.stderr.strip().rpartition("\n")[2])
    if done.returncode != 0 or not path.exists():
        raise RuntimeError(f"run {number + 1} of {target} ended before its trace:\n{done.stderr}")


def _opened(path: str | Path, mode: str) -> TextIO:
    """A trace: the same bytes on each system, whatever a program prints."""
    return cast(TextIO, Path(path).open(mode, encoding="utf-8", errors=SHOWN, newline="\n"))


def _compare(target: str, seed: int, number: int, traces: list[Path]) -> DeterminismReport:
    before: deque[str] = deque(maxlen=CONTEXT_LINES)
    digest = sha256(traces[0].read_bytes()).hexdigest()
    lines = 0
    with _opened(traces[0], "r") as first, _opened(traces[number], "r") as other:
        for expected, found in _pairs(first, other):
            if expected != found:
                return DeterminismReport(
                    target, seed, len(traces), False, lines, digest,
                    run=number + 1, expected=expected, found=found, before=tuple(before),
                )  # fmt: skip
            before.append(expected)
            lines += 1
    ending = before[-1] if before and before[-1].startswith(ENDED_BY) else ""
    return DeterminismReport(target, seed, len(traces), True, lines, digest, ending=ending)


def _pairs(first: TextIO, other: TextIO) -> Iterator[tuple[str, str]]:
    endless = (
        chain((line.rstrip("\n") for line in file), repeat(ENDED)) for file in (first, other)
    )
    for pair in zip(*endless, strict=True):
        if pair == (ENDED, ENDED):
            return
        yield pair


# In the child process


@dataclass(frozen=True)
class _Target:
    """A program, or a function in a file."""

    program: ProgramSpec | None
    path: str = ""
    function: str = ""

    @classmethod
    def parse(cls, text: str) -> _Target:
        program = programs.read(text)
        path, _, function = text.rpartition(":")
        is_there = Path(program.place if program else path).is_file()
        if not is_there and (program is None or not program.is_module):
            raise ConfigurationError(
                f"target {text!r}: no such file; expected script.py, path.py:function or -m module"
            )
        return cls(program, path, function)

    def from_anywhere(self) -> _Target:
        """The same, found from any working directory."""
        program = self.program
        if program is not None and not program.is_module:
            program = program._replace(place=os.path.abspath(program.place))
        return _Target(program, os.path.abspath(self.path), self.function)

    def run(self, seed: int, argv: Sequence[str]) -> None:
        if self.program is not None:
            arguments = (*self.program.arguments, *argv)
            loaded = LoadedProgram(self.program._replace(arguments=arguments))
            with loaded.arguments():
                simulate(
                    loaded.run,
                    seed=seed,
                    venue=DEFAULT,
                    virtual_seconds_max=PROGRAM_SECONDS_MAX,
                )
            return
        load_venue()
        with virtual_time(seed=seed, virtual_seconds_max=PROGRAM_SECONDS_MAX) as world:
            crashed = _call(world, self._loaded())
            if world.loop is not None:
                trace(
                    f"ended at virtual second {world.clock.ns / SECOND:.9f}, "
                    f"turn {world.loop.turns}"
                )
            if crashed is not None:
                trace(f"{ENDED_BY}{crashed}")

    def _loaded(self) -> Callable[..., Any]:
        try:
            module = load_module(self.path)
        except ConfigurationError as error:
            raise _Unusable(error) from error
        function: Callable[..., Any] | None = getattr(module, self.function, None)
        if not callable(function):
            near = did_you_mean(self.function, vars(module))
            raise _Unusable(f"{self.path} has no function {self.function!r}{near}")
        return function


class _Unusable(Exception):
    """There is no such function, so no run to compare."""


def _call(world: VirtualTime, function: Callable[..., Any]) -> str | None:
    """Call a function, or let a bot trade; how the bot has died, if it has."""
    if iscoroutinefunction(function) and parameters(function):
        return world.run(partial(_trade, function, world.seed))
    result: Any = world.run(hosted(function, DEFAULT, world.seed, None))
    if result is not None:
        trace(f"returned {result!r}")
    return None


async def _trade(bot: Bot, seed: int) -> str | None:
    """Let a bot trade for a while on an exchange that fails now and then."""
    exchange = FailingExchange(seed=seed, base_failure_rate=BOT_FAILURE_RATE)
    try:
        run = JudgedRun(
            bot=bot, exchange=exchange, judge=Judge(exchange.venue), seconds=BOT_SECONDS
        )
        return (await run.play()).crashed
    finally:
        await exchange.close()


class _TracedOutput(io.TextIOBase):
    """Standard output of the program: each line becomes one of the trace."""

    def __init__(self) -> None:
        self._line = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            trace(f"printed {line}")
        return len(text)

    def end(self) -> None:
        if self._line:
            self.write("\n")


def _child(target: str, seed: str, path: str, number: str, files: str, *argv: str) -> None:
    padding = [bytearray(97) for _ in range(int(number) * 4099)]  # moves later objects in memory
    output = _TracedOutput()
    with _opened(path, "w") as file, listening(lambda line: print(line, file=file)):
        try:
            found = _Target.parse(target)
            if files:
                found = found.from_anywhere()
            with redirect_stdout(output), BotEnvironment(files=files).entered(), watched():
                found.run(int(seed), argv)
        except _Unusable as error:
            sys.stderr.write(f"{error}\n")
            raise SystemExit(UNUSABLE) from None
        except BaseException as error:  # however it ends: that is part of what is compared
            output.end()
            trace(f"{ENDED_BY}{type(error).__name__}: {error}")
        output.end()
    del padding


if __name__ == "__main__":
    _child(*sys.argv[1:])
