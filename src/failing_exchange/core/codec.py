"""Values and whole states of the exchange as JSON. Only classes of the exchange can be read.

A file may come from anybody. A name in it is looked up in a table of the classes that the modules
of `core` define, which do no input or output; nothing is imported because a file says so.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from enum import Enum
from functools import lru_cache
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType
from typing import Any, TypeAlias

from failing_exchange import core

Classes: TypeAlias = Mapping[str, type]

CLASSES_KNOWN_MAX = 1_000  # whose fields are remembered; of others they are looked up again
PLAIN = (str, int, bool, float, type(None))
ORDER_OF_SLOTS = "__slots__"
encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def _is_value(kind: Any) -> bool:
    return issubclass(kind, Enum) or hasattr(kind, "_fields") or _is_frozen(kind)


def _is_frozen(kind: Any) -> bool:
    made = getattr(kind, "__dataclass_params__", None)
    return made is not None and bool(made.frozen)


def _defined() -> Iterator[tuple[str, Any]]:
    """The classes of the exchange, each with its name: all but those that hold or read a state."""
    for found in iter_modules(core.__path__):
        if found.name in ("codec", "engine"):
            continue
        module = import_module(f"{core.__name__}.{found.name}")
        for kind in vars(module).values():
            own = isinstance(kind, type) and kind.__module__ == module.__name__
            if own and not issubclass(kind, Exception) and not getattr(kind, "_is_protocol", False):
                yield f"{found.name}.{kind.__name__}", kind


_ALL = dict(_defined())
# What a text may contain: commands, markets, orders' parts, enums. Each is made by its own fields.
VALUES: Classes = MappingProxyType({n: kind for n, kind in _ALL.items() if _is_value(kind)})
# What a snapshot consists of besides: objects of plain attributes.
STATES: Classes = MappingProxyType({n: kind for n, kind in _ALL.items() if n not in VALUES})
NAMES: Mapping[type, str] = MappingProxyType({kind: name for name, kind in _ALL.items()})
NO_CLASSES: Classes = MappingProxyType({})


def to_text(value: Any, more: Classes = NO_CLASSES) -> str:
    """A command, a market: anything made of values that never change. `more`: further classes.

    Raises TypeError for what has no such text.

    >>> from failing_exchange.core.commands import Credit
    >>> from_text(to_text(Credit("alice", "BTC", 5)))
    Credit(account='alice', asset='BTC', atoms=5)
    """
    return encode(_Writer(more).value(value))


def from_text(text: str, more: Classes = NO_CLASSES) -> Any:
    """The value of a text that `to_text` has made; raises ValueError for any other."""
    return _Reader(more, [], NO_CLASSES).read(json.loads(text))


class _Writer:
    """Writes values; `refer` stands for what is none."""

    def __init__(self, more: Classes, refer: Callable[[Any], Any] | None = None) -> None:
        self._more = {kind: name for name, kind in more.items()}
        self._refer = refer

    def value(self, value: Any) -> Any:
        """A value as JSON can hold it."""
        kind: Any = type(value)
        if kind in PLAIN:
            return value
        if kind is tuple or kind is list:
            return ["list" if kind is list else "tuple", [self.value(part) for part in value]]
        if kind is dict:
            return ["dict", [[self.value(k), self.value(v)] for k, v in value.items()]]
        if kind is deque:
            return ["deque", value.maxlen, [self.value(part) for part in value]]
        if isinstance(value, Enum):
            return ["enum", self._name(kind), value.value]
        if isinstance(value, tuple):
            given = zip(_fields(kind), value, strict=True)
            kept = {n: self.value(v) for (n, usual), v in given if v is not usual and v != usual}
            return ["record", self._name(kind), kept]
        if _is_frozen(kind):
            kept = {f.name: self.value(getattr(value, f.name)) for f in fields(kind) if f.init}
            return ["record", self._name(kind), kept]
        if self._refer is None:
            raise TypeError(f"{kind.__name__} can't be written: {value!r}")
        return self._refer(value)

    def _name(self, kind: type) -> str:
        """The name by which a class is read back; raises TypeError for one that never is."""
        name = NAMES.get(kind) or self._more.get(kind)
        if name is None:
            raise TypeError(f"{kind.__module__}.{kind.__qualname__} can't be read from a file")
        return name


class _Reader:
    """Reads values of the classes in `VALUES` and `more`, and nothing else."""

    def __init__(self, more: Classes, made: list[Any], outside: Mapping[str, Any]) -> None:
        self._more = more
        self._made = made
        self._outside = outside

    def read(self, found: Any) -> Any:
        """The value; raises ValueError for what stands for none."""
        if found.__class__ is not list:
            return found
        read = self.read
        match found:
            case ["record", str(name), dict(kept)]:
                return self._class(name)(**{n: read(v) for n, v in kept.items()})
            case ["enum", str(name), value] if issubclass(kind := self._class(name), Enum):
                return kind(value)
            case ["tuple", list(parts)]:
                return tuple([read(part) for part in parts])
            case ["list", list(parts)]:
                return [read(part) for part in parts]
            case ["dict", list(pairs)]:
                return {read(k): read(v) for k, v in pairs}
            case ["deque", most, list(parts)]:
                return deque([read(part) for part in parts], most)
            case ["object", int(place)] if 0 <= place < len(self._made):
                return self._made[place]
            case ["outside", str(name)] if name in self._outside:
                return self._outside[name]
        raise ValueError(f"{str(found)[:60]!r} stands for nothing")

    def _class(self, name: str) -> type:
        kind = VALUES.get(name) or self._more.get(name)
        if kind is None:
            raise ValueError(f"{name[:60]!r} is no class that may come from a file")
        return kind


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
        writer = _Writer(NO_CLASSES, self.refer)
        nodes: list[Any] = []
        for one in self._ahead:  # grows while it is read
            held = {name: writer.value(part) for name, part in _held(one).items()}
            nodes.append([NAMES[one.__class__], held])
        return encode(nodes)

    def refer(self, one: Any) -> list[Any]:
        """What stands for an object in the place where it is used."""
        named = self._outside.get(one)
        return ["outside", named] if named is not None else ["object", self._place(one)]

    def _place(self, one: Any) -> int:
        place = self._places.get(one)
        if place is None:
            kind = one.__class__
            if NAMES.get(kind) not in STATES:
                raise TypeError(
                    f"{kind.__module__}.{kind.__qualname__} can't be part of a snapshot: define "
                    "it in a module of core, or name it as outside"
                )
            place = self._places[one] = len(self._ahead)
            self._ahead.append(one)
        return place


def from_graph(text: str, outside: Mapping[str, Any]) -> Any:
    """The object that `Graph.to_text` was given, with all that belongs to it.

    Raises ValueError for any other text.
    """
    nodes = json.loads(text)
    made = [_new(name) for name, _ in nodes]
    reader = _Reader(NO_CLASSES, made, outside)
    for one, (_, held) in zip(made, nodes, strict=True):
        for name, part in held.items():
            if name.startswith("__"):
                raise ValueError(f"{name!r} is no attribute of a state")
            object.__setattr__(one, name, reader.read(part))
    return made[0]


def _new(name: str) -> Any:
    kind: Any = STATES.get(name)
    if kind is None:
        raise ValueError(f"{str(name)[:60]!r} is no part of a state")
    return kind.__new__(kind)


def _held(one: Any) -> dict[str, Any]:
    """The attributes of an object, those in slots as well."""
    found = dict(getattr(one, "__dict__", {}))
    for kind in type(one).__mro__:
        for name in getattr(kind, ORDER_OF_SLOTS, ()):
            if hasattr(one, name):
                found[name] = getattr(one, name)
    return found


@lru_cache(maxsize=CLASSES_KNOWN_MAX)
def _fields(kind: Any) -> tuple[tuple[str, Any], ...]:
    """The fields of a named tuple, each with its default, or with what equals nothing."""
    return tuple((name, kind._field_defaults.get(name, kind)) for name in kind._fields)
