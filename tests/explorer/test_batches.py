"""How many worlds are drawn together: few at first, so that findings come early, then many."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from failing_exchange.explorer.search import Options, explore
from failing_exchange.explorer.trial import TrialSummary
from failing_exchange.virtual.wallclock import REAL


class Idle(Executor):
    """Runs nothing: every world is told to have passed. It counts what waits for it at once."""

    def __init__(self, answered: int = 1 << 62) -> None:
        self.jobs: list[Future[Any]] = []
        self.answered = answered  # jobs; the others never are

    def submit(self, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.jobs.append(future)
        if len(self.jobs) <= self.answered:
            future.set_result([TrialSummary().as_dict()] * len(args[0]["worlds"]))
        return future


def a_bot(folder: Path) -> str:
    path = folder / "still.py"
    path.write_text("async def main(exchange):\n    pass\n")
    return f"{path}:main"


def test_batches_grow_so_that_a_cluster_has_enough_to_do(tmp_path: Path) -> None:
    """With batches of one size, no more machines than that could ever help."""
    sizes: list[int] = []
    seen = [0]

    def tell(found: Any, _: object) -> None:
        if len(executor.jobs) > seen[0]:  # the first result of a new batch
            sizes.append(len(executor.jobs) - seen[0])
            seen[0] = len(executor.jobs)

    executor = Idle()
    found = explore(Options(target=a_bot(tmp_path), seeds=3_000), executor=executor, tell=tell)
    assert found.trials == 3_000
    assert sizes[:5] == [9, 8, 8, 8, 8]  # 64 worlds, eight a job; and one of calm worlds before
    assert sizes[1:] == sorted(sizes[1:-1]) + sizes[-1:]
    assert max(sizes) > 60


def test_time_that_is_over_ends_an_exploration_within_a_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever gave it ten minutes does not want to wait for the rest of a large batch."""
    looks = count()
    monkeypatch.setitem(REAL, "monotonic", lambda: float(next(looks)))
    executor = Idle(answered=5)
    found = explore(Options(target=a_bot(tmp_path), seeds=64, wall_s=4.5), executor=executor)
    assert found.ended == "4.5 s were over"
    assert 0 < found.trials < 40
    assert [job.cancelled() for job in executor.jobs[5:]] == [True] * 4
