"""Where trials run: a zygote process for each thread of whatever executor carries them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from failing_exchange.explorer.token import HASH_SEED, hash_seed
from failing_exchange.explorer.trial import Seen
from failing_exchange.runs.bot_loader import search_path

TRIES_MAX = 2  # of a trial whose process dies; then it is reported, and left out


def execute(job: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Run the worlds of a job in this thread's zygote, which is started anew when it has died.

    Any `concurrent.futures.Executor` may call it: what runs a bot is always a child process, never
    a thread, for clocks are patched process-wide.
    """
    for attempt in range(TRIES_MAX):
        if _halted.is_set():
            break
        zygote = _mine()
        try:
            return zygote.ask(job)
        except (OSError, ValueError) as error:
            zygote.end()
            _local.zygote = None
            if _halted.is_set():
                break
            if attempt == TRIES_MAX - 1:
                return _one_by_one(job, f"the process of the trial died twice: {error}")
    return [Seen(error="ended early").as_dict()] * len(job["worlds"])


def _one_by_one(job: Mapping[str, Any], error: str) -> list[dict[str, Any]]:
    """Which of a job's worlds is it that ends processes? The others get their results."""
    if len(job["worlds"]) == 1:
        return [Seen(error=error).as_dict()]
    return [found for world in job["worlds"] for found in execute({**job, "worlds": [world]})]


class Zygote:
    """A process that runs trials, one at a time."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "failing_exchange.explorer.zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is ours; and its children end with it
            env={
                **os.environ,
                "PYTHONPATH": search_path(),
                HASH_SEED: hash_seed_of_trials(),
            },
        )

    def ask(self, job: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The results of a job; raises OSError or ValueError when the process has died."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job).encode() + b"\n")
        self._process.stdin.flush()
        found: list[dict[str, Any]] = json.loads(self._process.stdout.readline())
        return found

    def end(self) -> None:
        """End the process, and wait for it."""
        if self._process.returncode is None:  # not waited for: the number is still its own
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


class _Local(threading.local):
    zygote: Zygote | None = None


_local = _Local()
_all: list[Zygote] = []
_lock = threading.Lock()
_halted = threading.Event()  # the search is over: whose process is gone does not try again


def _mine() -> Zygote:
    if _local.zygote is None:
        _local.zygote = Zygote()
        with _lock:
            _all.append(_local.zygote)
    return _local.zygote


def hash_seed_of_trials() -> str:
    """The hash seed of all of them: this process's own, or 0, so that sets have one order."""
    return hash_seed() or "0"


def begin() -> None:
    """Trials may run."""
    _halted.clear()


def halt() -> None:
    """End the trials that are under way; what waits for them gets an error."""
    _halted.set()
    end_all()


def end_all() -> None:
    """End the zygotes of this process."""
    with _lock:
        while _all:
            _all.pop().end()
    _local.zygote = None
