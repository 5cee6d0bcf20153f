"""Run trials on a Dask cluster: an executor whose workers have a worker process each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from typing import Any

from failing_exchange.errors import ConfigurationError
from failing_exchange.explorer.trial import TrialSummary
from failing_exchange.explorer.worker_pool import TRIES_MAX
from failing_exchange.text.files import reason

WAIT_S = 10.0  # for the scheduler to answer


class DaskExecutor(Executor):
    """An executor on a cluster. A lost worker's jobs run again elsewhere.

    A job whose workers die `TRIES_MAX` times is reported as an error of its seed, and left out.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def submit(self, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Hand a job to the cluster."""
        result: Future[Any] = Future()
        task = self._client.submit(call, *args, pure=False, retries=TRIES_MAX - 1, **kwargs)

        def done(ended: Any) -> None:
            if not result.set_running_or_notify_cancel():
                return  # it was cancelled
            error = ended.exception()
            if error is None:
                result.set_result(ended.result())
            elif len(args[0]["worlds"]) > 1:
                self._one_by_one(call, args[0], result)
            else:
                seen = TrialSummary(error=f"the cluster gave up on this seed: {error}").as_dict()
                result.set_result([seen])

        task.add_done_callback(done)
        return result

    def _one_by_one(
        self, call: Callable[..., Any], job: Mapping[str, Any], result: Future[Any]
    ) -> None:
        """Run each world of a job alone, because one of them kills workers."""
        futures = [self.submit(call, {**job, "worlds": [world]}) for world in job["worlds"]]
        left = [len(futures)]

        def done(_: Any) -> None:
            left[0] -= 1  # the cluster's client calls back one at a time
            if not left[0]:
                result.set_result([found for future in futures for found in future.result()])

        for future in futures:
            future.add_done_callback(done)


@contextmanager
def dask(address: str) -> Iterator[DaskExecutor]:
    """The executor of a cluster; raises ConfigurationError where there is none."""
    try:
        from distributed import Client
    except ImportError:
        raise ConfigurationError(
            "--dask needs the extra: pip install 'failing-exchange[dask]'"
        ) from None
    try:
        client = Client(address, timeout=WAIT_S)
    except OSError as error:
        raise ConfigurationError(
            f"--dask {address}: no scheduler answers ({reason(error)})"
        ) from error
    with client:
        yield DaskExecutor(client)
