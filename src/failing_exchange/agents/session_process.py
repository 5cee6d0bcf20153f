"""The process in which an agent's venue runs: it reads calls, a JSON line each, and answers them.

It is a process of its own because virtual time replaces the clocks of a whole process, and the
server of the agent's protocol lives by the real one. Started by `session_client.SessionProcess`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any, BinaryIO

from failing_exchange.agents.session import CALL_BYTES_MAX, AgentConfig, AgentSession, ToolCall
from failing_exchange.errors import ConfigurationError
from failing_exchange.text.results import write_results


class CallPipe:
    """Calls from one file, answers to another."""

    def __init__(self, calls: BinaryIO, answers: BinaryIO, *, real_time: bool) -> None:
        self._calls = calls
        self._answers = answers
        self._real_time = real_time

    async def next(self) -> ToolCall | None:
        """The next call. In virtual time the wait blocks the loop: the clock stands still."""
        line = await asyncio.to_thread(self._read) if self._real_time else self._read()
        if not line.endswith(b"\n"):
            return None
        return ToolCall(**json.loads(line))

    def _read(self) -> bytes:
        return self._calls.readline(CALL_BYTES_MAX)

    def answer(self, found: dict[str, Any]) -> None:
        """Write an answer."""
        self._answers.write(json.dumps(found).encode() + b"\n")
        self._answers.flush()


def main() -> None:
    """Run what the first line describes, until the calls end; the last line holds the results."""
    calls = sys.stdin.buffer
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever is printed does not mix with the answers
    given = json.loads(calls.readline(CALL_BYTES_MAX))
    output = given.pop("output", "")
    config = AgentConfig(**given)
    pipe = CallPipe(calls, answers, real_time=config.real_time)
    try:
        session = AgentSession(config, pipe)
        pipe.answer({"ready": True})
        results = session.play()
        if output:
            write_results(Path(output), results)
    except ConfigurationError as error:
        pipe.answer({"failed": str(error)})
        return
    pipe.answer({"over": True, "agent": results["agent"], "headline": results["headline"],
                 "verdict": results["verdict"]})  # fmt: skip


if __name__ == "__main__":
    main()
