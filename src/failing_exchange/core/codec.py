"""Values and whole states of the exchange as JSON, by the fields of their own classes."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import fields
from enum import Enum
from functools import lru_cache
from importlib import import_module
from typing import Any

PACKAGE = __name__.partition(".")[0] + "."
CLASSES_KNOWN_MAX = 1_000  # names looked up; the least recently used is looked up again
PLAIN = (str, int, bool, float, type(None))
ORDER_OF_SLOTS = "__slots__"


def to_text(value: Any) -> str:
    """A command, a market, a fault: anything made of values that never change.

    Raises TypeError for what has no such text.

    >>> from failing_exchange.core.commands import Credit
    >>> from_text(to_text(Credit("alice", "BTC", 5)))
    Credit(account='alice', asset='BTC', atoms=5)
    """
    return json.dumps(_value(value, None), separators=(",", ":"), ensure_ascii=False)


def from_text(text: str) -> Any:
    """The value of a text that `to_text` has made; raises ValueError for any other."""
    return _read(json.loads(text), ())


class Graph:
    """Writes objects that refer to each other, and reads them back as they stood.

    `outside` are objects that are not written but named: who reads has others in their place.
    """

    def __init__(self, outside: Mapping[Any, str]) -> None:
        self._outside = outside
        self._places: dict[Any, int] = {}
        self._ahead: list[Any] = []

    def to_text(self, root: Any) -> str:
        """All that can be reached from an object."""
        self._place(root)
        nodes: list[Any] = []
        for one in self._ahead:  # grows while it is read
            held = {name: _value(part, self) for name, part in _held(one).items()}
            nodes.append([_name(one.__class__), held])
        return json.dumps(nodes, separators=(",", ":"), ensure_ascii=False)

    def refer(self, one: Any) -> list[Any]:
        """What stands for an object in the place where it is used."""
        named = self._outside.get(one)
        return ["outside", named] if named is not None else ["object", self._place(one)]

    def _place(self, one: Any) -> int:
        place = self._places.get(one)
        if place is None:
            place = self._places[one] = len(self._ahead)
            self._ahead.append(one)
        return place


def from_graph(text: str, outside: Mapping[str, Any]) -> Any:
    """The object that `Graph.to_text` was given, with all that belongs to it."""
    nodes = json.loads(text)
    made = [_class(name).__new__(_class(name)) for name, _ in nodes]
    for one, (_, held) in zip(made, nodes, strict=True):
        for name, part in held.items():
            object.__setattr__(one, name, _read(part, made, outside))
    return made[0]


def _held(one: Any) -> dict[str, Any]:
    """The attributes of an object, those in slots as well."""
    found = dict(getattr(one, "__dict__", {}))
    for kind in type(one).__mro__:
        for name in getattr(kind, ORDER_OF_SLOTS, ()):
            if hasattr(one, name):
                found[name] = getattr(one, name)
    return found


def _value(value: Any, graph: Graph | None) -> Any:
    """A value as JSON; what it refers to goes into the graph, if there is one."""
    kind: Any = type(value)
    if kind in PLAIN:
        return value
    if kind is tuple or kind is list:
        return ["list" if kind is list else "tuple", [_value(part, graph) for part in value]]
    if kind is dict:
        pairs = [[_value(k, graph), _value(v, graph)] for k, v in value.items()]
        return ["dict", pairs]
    if kind is deque:
        return ["deque", value.maxlen, [_value(part, graph) for part in value]]
    if isinstance(value, Enum):
        return ["enum", _name(kind), value.value]
    if isinstance(value, tuple):
        given = zip(_fields(kind), value, strict=True)
        kept = {n: _value(v, graph) for (n, usual), v in given if v is not usual and v != usual}
        return ["record", _name(kind), kept]
    if _is_frozen(kind):
        kept = {f.name: _value(getattr(value, f.name), graph) for f in fields(kind) if f.init}
        return ["record", _name(kind), kept]
    if graph is None:
        raise TypeError(f"{kind.__name__} can't be written: {value!r}")
    return graph.refer(value)


def _is_frozen(kind: Any) -> bool:
    made = getattr(kind, "__dataclass_params__", None)
    return made is not None and bool(made.frozen)


def _read(found: Any, made: Any, outside: Mapping[str, Any] | None = None) -> Any:
    if found.__class__ is not list:
        return found
    match found:
        case ["record", name, kept]:
            return _class(name)(**{n: _read(v, made, outside) for n, v in kept.items()})
        case ["enum", name, value]:
            return _class(name)(value)
        case ["tuple", parts]:
            return tuple([_read(part, made, outside) for part in parts])
        case ["list", parts]:
            return [_read(part, made, outside) for part in parts]
        case ["dict", pairs]:
            return {_read(k, made, outside): _read(v, made, outside) for k, v in pairs}
        case ["deque", most, parts]:
            return deque([_read(part, made, outside) for part in parts], most)
        case ["object", place]:
            return made[place]
        case ["outside", name] if outside is not None:
            return outside[name]
    raise ValueError(f"{str(found)[:60]!r} stands for nothing")


@lru_cache(maxsize=CLASSES_KNOWN_MAX)
def _fields(kind: Any) -> tuple[tuple[str, Any], ...]:
    """The fields of a named tuple, each with its default, or with what equals nothing."""
    return tuple((name, kind._field_defaults.get(name, kind)) for name in kind._fields)


@lru_cache(maxsize=CLASSES_KNOWN_MAX)
def _name(kind: type) -> str:
    """A class of ours by its module and name; raises TypeError for a foreign one."""
    if not kind.__module__.startswith(PACKAGE):
        raise TypeError(f"{kind.__module__}.{kind.__qualname__} is no class of this package")
    return f"{kind.__module__.removeprefix(PACKAGE)}:{kind.__qualname__}"


@lru_cache(maxsize=CLASSES_KNOWN_MAX)
def _class(name: str) -> Any:
    module, _, kind = name.partition(":")
    found = getattr(import_module(PACKAGE + module), kind, None)
    if not isinstance(found, type):
        raise ValueError(f"{name!r} is no class of this package")
    return found
