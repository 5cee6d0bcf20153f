"""Exploring on a Dask cluster of separate processes, one of which is killed in the middle."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from failing_exchange.explorer.dask_executor import dask
from failing_exchange.explorer.search import Exploration, Options, explore

distributed = pytest.importorskip("distributed", reason="the extra dask is not installed")
dask_config = pytest.importorskip("dask.config")


def causes(found: Exploration) -> list[str]:
    """What was found, by cause and token."""
    return sorted(f"{finding.cause} {finding.token}" for finding in found.findings)


@pytest.mark.filterwarnings("ignore")
def test_a_cluster_finds_the_same_though_a_worker_dies(tmp_path: Path) -> None:
    """A lost worker's seeds run again; nobody notices but the clock."""
    options = Options(target="naive", seeds=40, seconds=900.0)
    killed: list[int] = []

    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None,
        local_directory=str(tmp_path),
    ) as cluster:  # fmt: skip
        workers = [int(worker.pid) for worker in cluster.workers.values()]

        def tell(found: Exploration, finding: Any) -> None:
            if found.trials >= 10 and not killed:
                killed.append(workers[0])
                os.kill(workers[0], signal.SIGKILL)

        with dask(cluster.scheduler_address) as executor:
            found = explore(options, executor=executor, tell=tell)
    assert killed
    assert not found.errors
    assert causes(found) == causes(explore(options))


POISON = """
import os, signal

async def main(exchange):
    await exchange.fetch_ticker("BTC/USDT")
    if exchange.seed == 3:
        worker = int(open(f"/proc/{os.getppid()}/stat").read().split(")")[1].split()[1])
        os.kill(worker, signal.SIGKILL)
        os._exit(7)
"""


@pytest.mark.filterwarnings("ignore")
def test_a_seed_that_kills_its_workers_is_reported_and_left_out(tmp_path: Path) -> None:
    """After two tries; the seeds that were to run beside it have their results."""
    path = tmp_path / "poison.py"
    path.write_text(POISON, encoding="utf-8")
    with (
        # a job in the queue of a worker that dies counts as a failure of that job, too
        dask_config.set({
            "distributed.scheduler.allowed-failures": 1,
            "distributed.scheduler.worker-saturation": 1.0,
        }),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None,
            local_directory=str(tmp_path),
        ) as cluster,
        dask(cluster.scheduler_address) as executor,
    ):  # fmt: skip
        options = Options(target=f"{path}:main", seeds=8, seconds=60.0)
        found = explore(options, executor=executor)
    assert found.trials == 8
    assert [error.split(":")[0] for error in found.errors] == ["seed 3"]
    assert found.requests == 7
