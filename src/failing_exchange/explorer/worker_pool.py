"""Run trials in worker processes: one for each thread of the executor that carries them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import Any

from failing_exchange.explorer.token import HASH_SEED, hash_seed
from failing_exchange.explorer.trial import TrialSummary
from failing_exchange.runs.bot_loader import search_path
from failing_exchange.system import end_processes

TRIES_MAX = 2  # of a trial whose process dies; then it is reported as an error


def execute(job: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Run the worlds of a job in this thread's worker, which is restarted if it has died.

    Any `concurrent.futures.Executor` may call it. A bot always runs in a child process, never in a
    thread, because clocks are patched process-wide.
    """
    for attempt in range(TRIES_MAX):
        if _halted.is_set():
            break
        worker = _mine()
        try:
            return worker.ask(job)
        except (OSError, ValueError) as error:
            worker.end()
            _forget(worker)
            if _halted.is_set():
                break
            if attempt == TRIES_MAX - 1:
                return _one_by_one(job, f"the process of the trial died twice: {error}")
    return [TrialSummary(error="ended early").as_dict()] * len(job["worlds"])


def _one_by_one(job: Mapping[str, Any], error: str) -> list[dict[str, Any]]:
    """Run each world of a job alone, because one of them kills its process."""
    if len(job["worlds"]) == 1:
        return [TrialSummary(error=error).as_dict()]
    return [found for world in job["worlds"] for found in execute({**job, "worlds": [world]})]


class Worker:
    """A worker process: it runs one job at a time."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "failing_exchange.explorer.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C does not reach it, and its children are killed with it
            env={
                **os.environ,
                "PYTHONPATH": search_path(),
                HASH_SEED: hash_seed_of_trials(),
            },
        )

    def ask(self, job: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The results of a job; raises OSError or ValueError if the process has died."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job).encode() + b"\n")
        self._process.stdin.flush()
        found: list[dict[str, Any]] = json.loads(self._process.stdout.readline())
        return found

    def end(self) -> None:
        """End the process, and wait for it."""
        if self._process.returncode is None:  # not reaped yet, so the id is still its own
            end_processes(self._process, kill=True)
            self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


class _Local(threading.local):
    worker: Worker | None = None


_local = _Local()
_all: list[Worker] = []
_lock = threading.Lock()
_halted = threading.Event()  # the search is over: dead workers are not restarted


def _mine() -> Worker:
    if _local.worker is None or _local.worker not in _all:  # none yet, or it was ended
        _local.worker = Worker()
        with _lock:
            _all.append(_local.worker)
    return _local.worker


def _forget(worker: Worker) -> None:
    with _lock:
        if worker in _all:
            _all.remove(worker)


def hash_seed_of_trials() -> str:
    """The hash seed of all trials: this process's, or 0, so that sets have one order."""
    return hash_seed() or "0"


def begin() -> None:
    """Allow trials to run."""
    _halted.clear()


def halt() -> None:
    """Stop the trials that are running; their results are errors."""
    _halted.set()
    end_all()


def running() -> int:
    """How many workers this process has."""
    with _lock:
        return len(_all)


def end_all() -> None:
    """Stop all workers of this process."""
    with _lock:
        while _all:
            _all.pop().end()
