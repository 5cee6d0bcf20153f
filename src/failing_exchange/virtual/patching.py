"""Replace functions of the standard library in every module that holds them, and restore them.

`from time import monotonic` keeps its own reference, which setting `time.monotonic` does not reach;
so every module that holds one is given the stand-in.
"""

from __future__ import annotations

import sys
from abc import ABCMeta
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import chain
from types import FunctionType, ModuleType
from typing import Any, NamedTuple, cast

Function = Callable[..., Any]
REPLACED_KEPT_MAX = 64  # modules whose name has become another's; of older ones nothing is known

CLASS_KINDS = (type, ABCMeta)  # other metaclasses may run code when a class is asked for a name

# These wait on locks and pipes of the real world, so they go on in real time.
REAL_TIME_MODULES = (
    "concurrent",
    "multiprocessing",
    "queue",
    "selectors",
    "subprocess",
    "threading",
)


def _top(name: str) -> str:
    return name.partition(".")[0]


class Place(NamedTuple):
    """A name in a module that stands for one of the functions."""

    namespace: dict[str, Any]
    name: str
    real: Function
    fake: Function


class _LoadedModules:
    """What `sys.modules` held when it was last looked at, by one look for all Patches."""

    def __init__(self) -> None:
        self._known: dict[str, object] = {}
        self._unsearched: list[dict[str, object]] = []  # of each Patches

    def unsearched(self) -> dict[str, object]:
        """All modules; those that are loaded later are added by `look`."""
        found = dict(self._known)
        self._unsearched.append(found)
        return found

    def look(self) -> None:
        """Notice the modules that are new since the last look."""
        if sys.modules == self._known:
            return
        known = self._known.get
        modules: dict[str, object] = {**sys.modules}
        new = {name: module for name, module in modules.items() if known(name) is not module}
        for one in self._unsearched:
            one.update(new)
        self._known = modules


_modules = _LoadedModules()


def put(undo: ExitStack, owner: Any, name: str, value: Any) -> None:
    """Set an attribute of a class or module until `undo` is closed."""
    if name in vars(owner):
        undo.callback(setattr, owner, name, vars(owner)[name])
    else:
        undo.callback(delattr, owner, name)
    setattr(owner, name, value)


class Patches:
    """The places in loaded modules that hold one of some functions. Make one of a kind per process.

    Each module is searched once, so that a run after the first costs little; one that was made anew
    under its old name is another module. Default arguments of its functions and of its classes'
    methods are searched as well (`sched.scheduler`, caches that expire). References on classes and
    in containers are not found: enter `replaced` before the program is imported.
    """

    def __init__(
        self,
        stand_ins: Mapping[Function, Function],
        *,
        searches: Callable[[str], bool] = lambda name: _top(name) not in REAL_TIME_MODULES,
    ) -> None:
        self._searches = searches  # whether a module of that name is given the stand-ins
        self._kinds = {type(fun) for fun in stand_ins} | {FunctionType}
        self._pairs = {
            fun: (real, fake) for real, fake in stand_ins.items() for fun in (real, fake)
        }
        self._places: dict[str, list[Place]] = {}  # by module
        self._defaults: dict[str, list[FunctionType]] = {}  # functions with one among them
        self._replaced: deque[list[Place]] = deque(maxlen=REPLACED_KEPT_MAX)
        self._unsearched = _modules.unsearched()

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
        _modules.look()
        while self._unsearched:
            name, module = self._unsearched.popitem()
            if issubclass(type(module), ModuleType) and self._searches(name):
                self._search_in(name, cast(ModuleType, module))

    def _search_in(self, name: str, module: ModuleType) -> None:
        if old := self._places.pop(name, None):
            self._replaced.append(old)
        if found := self._found_in(module):
            self._places[name] = found
        self._defaults.pop(name, None)
        if functions := self._with_defaults_in(module):
            self._defaults[name] = functions

    def _found_in(self, module: ModuleType) -> list[Place]:
        namespace = ModuleType.__getattribute__(module, "__dict__")  # wakes no lazy module
        return [
            Place(namespace, name, *self._pairs[value])
            for name, value in list(namespace.items())
            if self._is_one(value)
        ]

    def _with_defaults_in(self, module: ModuleType) -> list[FunctionType]:
        namespace = ModuleType.__getattribute__(module, "__dict__")
        return [
            function
            for function in _functions_of(namespace)
            if any(map(self._is_one, function.__defaults__ or ()))
            or any(map(self._is_one, (function.__kwdefaults__ or {}).values()))
        ]

    def _is_one(self, value: object) -> bool:
        return type(value) in self._kinds and value in self._pairs

    def _other(self, value: Any, back: bool) -> Any:
        return self._pairs[value][0 if back else 1] if self._is_one(value) else value

    def _exchange(self, *, back: bool) -> None:
        for namespace, name, real, fake in chain(*self._places.values(), *self._replaced):
            present, other = (fake, real) if back else (real, fake)
            if namespace.get(name) is present:
                namespace[name] = other
        for function in chain(*self._defaults.values()):
            if given := function.__defaults__:
                function.__defaults__ = tuple(self._other(value, back) for value in given)
            if named := function.__kwdefaults__:
                named.update({name: self._other(value, back) for name, value in named.items()})


def _functions_of(namespace: Mapping[str, Any]) -> Iterator[FunctionType]:
    """The functions that a module defines, and the methods of its classes."""
    name = namespace.get("__name__")
    for value in list(namespace.values()):
        kind = type(value)
        if kind is FunctionType and value.__module__ == name:
            yield value
        elif kind in CLASS_KINDS and value.__module__ == name:
            yield from (method for method in vars(value).values() if type(method) is FunctionType)
