"""Replacing functions of the standard library wherever they are known, and putting them back.

`from time import monotonic` keeps its own reference, which setting `time.monotonic` does not reach;
so every module that holds one is given the stand-in.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

Function = Callable[..., Any]

# These wait on locks and pipes of the real world, so they go on in real time.
REAL_TIME_MODULES = (
    "concurrent",
    "multiprocessing",
    "queue",
    "selectors",
    "subprocess",
    "threading",
)


class Aliases:
    """The places in loaded modules that hold one of some functions.

    Each module is searched once, so that a run after the first costs little. References kept in
    default arguments or on classes are not found: enter `replaced` before the program is imported.
    """

    def __init__(self, stand_ins: Mapping[Function, Function]) -> None:
        self._pairs = {
            fun: (real, fake) for real, fake in stand_ins.items() for fun in (real, fake)
        }
        self._places: list[tuple[dict[str, Any], str, Function, Function]] = []
        self._searched: dict[str, None] = {}

    @contextmanager
    def replaced(self) -> Iterator[None]:
        """The stand-ins are everywhere while the block runs; afterwards none is left."""
        self._search()
        self._exchange(back=False)
        try:
            yield
        finally:
            self._search()  # modules imported meanwhile took the stand-ins for the real ones
            self._exchange(back=True)

    def _search(self) -> None:
        if sys.modules.keys() <= self._searched.keys():
            return
        for name, module in list(sys.modules.items()):
            if name not in self._searched and issubclass(type(module), ModuleType):
                self._searched[name] = None
                if name.partition(".")[0] not in REAL_TIME_MODULES:
                    self._search_module(module)

    def _search_module(self, module: ModuleType) -> None:
        namespace = ModuleType.__getattribute__(module, "__dict__")  # wakes no lazy module
        for name, value in list(namespace.items()):
            if type(value) in (BuiltinFunctionType, FunctionType) and value in self._pairs:
                self._places.append((namespace, name, *self._pairs[value]))

    def _exchange(self, *, back: bool) -> None:
        for namespace, name, real, fake in self._places:
            present, other = (fake, real) if back else (real, fake)
            if namespace.get(name) is present:
                namespace[name] = other
