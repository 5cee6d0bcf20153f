"""Let ccxt and aiohttp take their proxy from the environment, as requests and urllib do.

`serve -- COMMAND` puts this folder on PYTHONPATH: Python imports the module at its start. It uses
the standard library alone, for the program may run in an environment of its own. A `sitecustomize`
of that environment is imported after it.
"""

from __future__ import annotations

import functools
import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any


def _trust_requests(module: Any) -> None:
    module.Exchange.requests_trust_env = True


def _trust_aiohttp(module: Any) -> None:
    module.Exchange.aiohttp_trust_env = True


def _default_to_environment(module: Any) -> None:
    session = module.ClientSession
    made = session.__init__

    @functools.wraps(made)
    def made_with_proxy(self: Any, *args: Any, **options: Any) -> None:
        options.setdefault("trust_env", True)
        made(self, *args, **options)

    session.__init__ = made_with_proxy


def _trust_the_venue(module: Any) -> None:
    """Let who asks certifi for certificates, as ccxt and httpx do, trust the venue's."""
    real = module.where
    module.where = lambda: os.environ.get("EXCHANGE_CA") or real()


CHANGES: dict[str, Callable[[ModuleType], None]] = {
    "ccxt.base.exchange": _trust_requests,
    "ccxt.async_support.base.exchange": _trust_aiohttp,
    "aiohttp.client": _default_to_environment,
    "certifi": _trust_the_venue,
}


class _Changing(importlib.abc.MetaPathFinder):
    """Finds the modules of CHANGES where they are, and changes them once they are loaded."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        change = CHANGES.get(name)
        if change is None:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is None or spec.loader is None:
            return None
        load = spec.loader.exec_module

        def load_and_change(module: ModuleType) -> None:
            load(module)
            change(module)

        spec.loader.exec_module = load_and_change  # type: ignore[method-assign]
        return spec


def _import_the_other() -> None:
    """Import the `sitecustomize` that the environment would have had."""
    here = __file__.rpartition("sitecustomize")[0].rstrip("/\\")
    path = [folder for folder in sys.path if folder.rstrip("/\\") != here]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", path)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


if __name__ == "sitecustomize":
    sys.meta_path.insert(0, _Changing())
    _import_the_other()
