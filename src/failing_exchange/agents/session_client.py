"""The agent's venue from outside: start its process, pass calls on, end it."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from failing_exchange.agents.session import CALL_BYTES_MAX, FINISH, AgentConfig
from failing_exchange.errors import ConfigurationError, InternalError

WORLD = "failing_exchange.agents.session_process"
END_S_MAX = 30.0  # seconds for the results at the end; then the process is killed
ANSWER_MAX = 8 << 20  # bytes of one line of the process
OVER = "the run is over"


class CallFailed(Exception):
    """A call that the venue refused, or whose answer was lost; the text says which error."""


class SessionProcess:
    """One run. Calls are carried out one after the other, in the order in which they come."""

    def __init__(self, config: AgentConfig, output: str = "") -> None:
        self._config = config
        self._output = output
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self.results: dict[str, Any] | None = None  # once the run is over

    async def start(self) -> None:
        """Start it. Raises ConfigurationError for what can't be run."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", WORLD, limit=ANSWER_MAX,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        first = await self._ask({**asdict(self._config), "output": self._output})
        if "failed" in first:
            raise ConfigurationError(first["failed"])

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out a call: its `result` and the venue's `time`.

        Raises CallFailed with the venue's error, for a call that is too long, and once the run is
        over. A caller that is canceled leaves the call to be carried out; its answer is dropped.
        """
        return await asyncio.shield(self._call(tool, arguments))

    async def _call(self, tool: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        call = {"tool": tool, "arguments": dict(arguments)}
        size = len(_line(call))
        if size > CALL_BYTES_MAX:
            raise CallFailed(f"the call has {size:,} bytes; expected at most {CALL_BYTES_MAX:,}")
        async with self._turn:
            if self.results is not None:
                raise CallFailed(OVER)
            answer = await self._ask(call)
            if "agent" in answer:  # the results, which are not for the agent
                self.results = answer
                raise CallFailed(OVER)
            if answer.get("over"):
                self.results = await self._read()
        if "error" in answer:
            at = f" (venue's time {answer['time']})" if "time" in answer else ""
            raise CallFailed(f"{answer['error']}{at}")
        return answer

    async def finish(self) -> dict[str, Any]:
        """End the run, and give its results: the agent's card, headline and verdict."""
        return await asyncio.shield(self._finish())

    async def _finish(self) -> dict[str, Any]:
        async with self._turn:
            if self.results is None:
                self.results = await self._ask({"tool": FINISH, "arguments": {}})
        return self.results

    async def close(self) -> None:
        """End the process; a run that is under way ends as by `finish`."""
        if self._process is None:
            return
        try:
            async with asyncio.timeout(END_S_MAX):
                await self.finish()
                await self._process.wait()
        except (TimeoutError, InternalError):
            if self._process.returncode is None:
                self._process.kill()
            await self._process.wait()

    async def _ask(self, line: Mapping[str, Any]) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(_line(line))
        return await self._read()

    async def _read(self) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise InternalError("the process of the venue has died; its error stands on stderr")
        found: dict[str, Any] = json.loads(line)
        return found


def _line(asked: Mapping[str, Any]) -> bytes:
    return json.dumps(asked).encode() + b"\n"
