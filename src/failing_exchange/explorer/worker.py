"""A worker process: it loads everything once, then forks a child for each job of trials.

A child runs the worlds of one job, and loads the bot's module anew for each; a job of one world has
a process of its own. Whatever a child leaves behind, and however it dies, the next one starts from
the same state. The protocol is JSON lines: a job on stdin, its results on stdout. Run as a module.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from types import FrameType
from typing import IO, Any, NoReturn

from failing_exchange.explorer.targets import load
from failing_exchange.explorer.trial import RunRequest, TrialSummary, columns_of, run, summary_of
from failing_exchange.explorer.world import World, draw
from failing_exchange.runs.bot_loader import find_bot
from failing_exchange.runs.bot_process import wall_limit
from failing_exchange.runs.watchdog import SPIN_S, watched
from failing_exchange.simulation import freeze, keep_garbage, simulate
from failing_exchange.system import print_all_characters
from failing_exchange.venue.default_world import SYMBOL, prepare_backgrounds
from failing_exchange.venues.base import DEFAULT, venue_of
from failing_exchange.virtual.errors import WallTimeExceeded
from failing_exchange.virtual.thread_registry import frame_with_turn

WARM_UP_SEEDS = range(8)  # of worlds that are run before the first job ...
WARM_UP_S = 300.0  # ... each for this long
GRACE_S = 15.0  # real seconds beyond the limit of a trial; then its process is killed
SPIN_AGAIN_S = 4.0  # processor time without a wait, once the bot has been ended for that
PACKAGE = os.sep + "failing_exchange" + os.sep
RESULT_MAX = 200_000_000  # bytes of the results of a job; then its child counts as dead


def main() -> None:
    """Serve jobs until the input ends."""
    jobs, results = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    _jobs_fd.append(jobs.fileno())
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # a bot that reads stdin must not take the jobs
    os.dup2(2, 1)  # what a bot prints must not come between the results
    print_all_characters()
    _warm_up()
    for line in jobs:
        job = json.loads(line)
        results.write(json.dumps(_results(job)).encode() + b"\n")
        results.flush()


_loaded: dict[str, Any] = {}
_spun: dict[str, None] = {}  # the targets that have been seen to spin
_jobs_fd: list[int] = []  # readable before its results are written: the parent is gone


def _results(job: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One result for each world; a world that kills the child gets an error, the others go on."""
    target = job["target"]
    if target not in _loaded:
        try:
            loaded = load(target)
            prepare_backgrounds(loaded.symbols or (SYMBOL,))
            if loaded.venue:
                venue = venue_of(job["worlds"][0].get("venue") or DEFAULT)
                simulate(_visit(*venue.places[0]), venue=venue)
                if loaded.blocks:
                    simulate(partial(_visit_blocking, *venue.places[0]), venue=venue)
            _loaded[target] = loaded
        except Exception as error:
            failed = TrialSummary(error=f"{type(error).__name__}: {error}").as_dict()
            return [failed] * len(job["worlds"])
        freeze()
    found: list[dict[str, Any]] = []
    worlds = job["worlds"]
    while len(found) < len(worlds):
        rest = worlds[len(found) :]
        done, fate = _in_child({**job, "worlds": rest})
        found += done
        if any(one["spins"] for one in done):
            _spun[target] = None
        if len(done) < len(rest):
            found.append(TrialSummary(error=fate).as_dict())
    return found


def _in_child(job: Mapping[str, Any]) -> tuple[list[dict[str, Any]], str]:
    """The results of a child, and how it ended if there are fewer than worlds."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _trials(job, writing)
    os.close(writing)
    limit = max(wall_limit(world["seconds"]) for world in job["worlds"]) + GRACE_S
    with os.fdopen(reading, "rb") as pipe:
        lines, late = _read(pipe, len(job["worlds"]), limit)
    if late:
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    error = f"the trial took longer than {limit:g} real seconds" if late else ""
    return [json.loads(line) for line in lines], error or (
        f"the trial's process died ({_cause(status)})"
    )


def _trials(job: Mapping[str, Any], writing: int) -> NoReturn:
    """In the child: run the worlds, write the results, exit without any clean-up."""
    target = _loaded[job["target"]]
    keep_garbage()
    with os.fdopen(writing, "wb") as pipe:
        for number, world in enumerate(job["worlds"]):
            try:
                if number:
                    target = load(job["target"])
                _wake_after(wall_limit(world["seconds"]))
                request = RunRequest(
                    world=World.of(world),
                    rule_options=job.get("rule_options", {}),
                    digest=job.get("digest", False),
                    keep_files=job.get("keep_files", ""),
                )
                with watched(SPIN_AGAIN_S if job["target"] in _spun else SPIN_S):
                    result = target.run(request)
                found = summary_of(result).as_dict()
                if found["spins"]:
                    _spun[job["target"]] = None
                if job.get("columns"):
                    found["columns"] = columns_of(result, job["columns"])
            except BaseException as error:  # the process is this trial's own
                found = TrialSummary(error=f"{type(error).__name__}: {error}").as_dict()
            pipe.write(json.dumps(found).encode() + b"\n")
            pipe.flush()
    sys.stderr.flush()
    os._exit(0)


def _wake_after(seconds: float) -> None:
    """Interrupt a bot that never waits, so that the error says where it was."""

    def wake(signum: int, frame: FrameType | None) -> None:
        where = _place(frame_with_turn() or frame)
        raise WallTimeExceeded(f"the run has taken {seconds:g} real seconds, and is in {where}")

    signal.signal(signal.SIGALRM, wake)
    signal.setitimer(signal.ITIMER_REAL, seconds + GRACE_S / 3)


def _place(frame: FrameType | None) -> str:
    """The innermost function that is not ours."""
    found = frame
    while found is not None and PACKAGE in found.f_code.co_filename and found.f_back is not None:
        found = found.f_back
    if found is None:
        return "unknown code"
    file = os.path.basename(found.f_code.co_filename)
    return f"{found.f_code.co_name}() at {file}:{found.f_lineno}"


def _read(pipe: IO[bytes], count: int, seconds: float) -> tuple[list[bytes], bool]:
    """Read up to `count` lines; the flag is True on timeout, or when the parent is gone."""
    data = b""
    while data.count(b"\n") < count:
        ready = select.select([pipe.fileno(), *_jobs_fd], [], [], seconds)[0]
        if not ready:
            return data.split(b"\n")[:-1], True
        if pipe.fileno() not in ready:  # no job comes before its results: the other side has gone
            return data.split(b"\n")[:-1], True
        part = os.read(pipe.fileno(), 1 << 16)
        if not part or len(data) > RESULT_MAX:
            break
        data += part
    return data.split(b"\n")[:-1], False


def _cause(status: int) -> str:
    if os.WIFSIGNALED(status):
        return signal.Signals(os.WTERMSIG(status)).name
    return f"exit code {os.waitstatus_to_exitcode(status)}"


# ---- warm-up: modules and tables that every trial needs are loaded once, and inherited by fork


def _warm_up() -> None:
    """Run a reference bot in some worlds, a calm one first."""
    careful = find_bot("careful")
    calm = World(seed=0, seconds=WARM_UP_S)
    for world in (calm, *(draw(seed, seconds=WARM_UP_S) for seed in WARM_UP_SEEDS)):
        run(careful, world)


async def _visit(host: str, port: int) -> None:
    """Load what clients and servers need, by requests to a venue that nothing stands behind."""
    import aiohttp

    async with aiohttp.ClientSession() as session:
        async with session.get(f"https://{host}:{port}/") as answer:
            await answer.read()
        with suppress(aiohttp.ClientError):
            async with session.ws_connect(f"wss://{host}:{port}/"):
                pass


def _visit_blocking(host: str, port: int) -> None:
    """The same for blocking clients: without it each child would do it in its first world."""
    from urllib.error import HTTPError
    from urllib.request import urlopen

    with suppress(HTTPError):
        urlopen(f"https://{host}:{port}/").close()
    requests = sys.modules.get("requests")
    if requests is not None:  # the bot has imported it, or ccxt has
        requests.get(f"https://{host}:{port}/")


if __name__ == "__main__":
    main()
