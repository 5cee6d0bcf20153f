"""Exploring on a Dask cluster of separate processes, one of which is killed in the middle."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from failing_exchange.explorer.cluster import dask
from failing_exchange.explorer.search import Exploration, Options, explore

distributed = pytest.importorskip("distributed", reason="the extra dask is not installed")


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
