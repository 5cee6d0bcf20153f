"""The process in which trials run: it has loaded everything once, and each trial is a child of it.

So a trial owns its process: whatever it leaves behind, and however it dies, the next one starts
from the same state. It speaks JSON lines: a job in, a result out. Run as a module.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import sys
from collections.abc import Mapping
from typing import IO, Any, NoReturn

from failing_exchange.explorer.targets import load
from failing_exchange.explorer.trial import WALL_SECONDS_MAX, Seen, run, seen
from failing_exchange.explorer.world import World

GRACE_S = 15.0  # real seconds beyond the limit of a trial; then its process is killed
RESULT_MAX = 50_000_000  # bytes; a longer result is an error of that trial


def main() -> None:
    """Serve jobs until the input ends."""
    jobs, results = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a bot prints must not come between the results
    _warm_up()
    for line in jobs:
        job = json.loads(line)
        results.write(json.dumps(_in_child(job)).encode() + b"\n")
        results.flush()


def _warm_up() -> None:
    """Load what each trial needs, before any bot: children inherit it."""
    from failing_exchange.playing import find_bot

    run(find_bot("careful"), World(seed=0, seconds=120.0))
    gc.collect()


_loaded: dict[str, Any] = {}


def _in_child(job: Mapping[str, Any]) -> dict[str, Any]:
    """One trial in a process of its own; `error` says what became of one that did not end well."""
    target = job["target"]
    if target not in _loaded:
        try:
            _loaded[target] = load(target)
        except Exception as error:
            return Seen(error=f"{type(error).__name__}: {error}").as_dict()
        gc.collect()
        gc.freeze()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _trial(job, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        data = _read(pipe, WALL_SECONDS_MAX + GRACE_S)
    if data is None:
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    if data is None:
        limit = WALL_SECONDS_MAX + GRACE_S
        return Seen(error=f"the trial took longer than {limit:g} real seconds").as_dict()
    if status or not data:
        return Seen(error=f"the trial's process died ({_cause(status)})").as_dict()
    found: dict[str, Any] = json.loads(data)
    return found


def _trial(job: Mapping[str, Any], writing: int) -> NoReturn:
    """In the child: run, tell, and be gone without any clean-up of the parent's things."""
    try:
        outcome = _loaded[job["target"]].run(
            World.of(job["world"]),
            options=job.get("options", {}),
            digest=job.get("digest", False),
        )
        found = seen(outcome).as_dict()
    except BaseException as error:  # the process ends here: whatever it is has to be told
        found = Seen(error=f"{type(error).__name__}: {error}").as_dict()
    with os.fdopen(writing, "wb") as pipe:
        pipe.write(json.dumps(found).encode())
    sys.stderr.flush()
    os._exit(0)


def _read(pipe: IO[bytes], seconds: float) -> bytes | None:
    """All that comes; None when it takes too long."""
    parts: list[bytes] = []
    size = 0
    while select.select([pipe], [], [], seconds)[0]:
        part = os.read(pipe.fileno(), 1 << 16)
        if not part or size > RESULT_MAX:
            return b"".join(parts)
        parts.append(part)
        size += len(part)
    return None


def _cause(status: int) -> str:
    if os.WIFSIGNALED(status):
        return signal.Signals(os.WTERMSIG(status)).name
    return f"exit code {os.waitstatus_to_exitcode(status)}"


if __name__ == "__main__":
    main()
