"""Seeded randomness: os.urandom (hence uuid4, secrets), random, numpy, WebSocket masks."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from hashlib import blake2b
from importlib import import_module
from typing import Any

from failing_exchange.core.chance import key
from failing_exchange.virtual.patching import Patches

REAL_URANDOM = os.urandom

# They draw on behalf of the module that calls them, which names the stream.
GO_BETWEENS = ("random", "secrets", "uuid", __name__)

# All modules of this package draw from one stream: moving one must not change what a seed gives.
OWN = f"{__name__.partition('.')[0]}."
OWN_STREAM = "failing_exchange.resilience.placing"  # where the first of them stood; only a name

_streams: RandomStreams | None = None  # the ones in force


class RandomStreams:
    """Bytes that look random: a function of the seed, of who asks, and of how much he drew before.

    Each module has a stream of its own. A module that draws at import does so in the first run of a
    process only, and that must not shift anybody else's numbers.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._drawn: dict[str, int] = {}

    def draw(self, size: int, who: str) -> bytes:
        """The next `size` bytes of the module named `who`."""
        if size < 0:
            raise ValueError("negative argument not allowed")
        first = self._drawn.get(who, 0)
        blocks = range(first, first + -(-size // _BLOCK))
        self._drawn[who] = blocks.stop
        own = key("entropy", self._seed, who).to_bytes(8, "big")
        drawn = (blake2b(n.to_bytes(8, "big"), key=own).digest() for n in blocks)
        return b"".join(drawn)[:size]


_BLOCK = 64  # bytes of one blake2b digest


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Every usual source of chance is a function of `seed` while the block runs.

    Afterwards all is as before, the state of `random` and numpy's global generator included.
    Generators in C that ask the system by themselves (OpenSSL's) stay as they are.
    """
    with ExitStack() as undo:
        undo.callback(random.setstate, random.getstate())
        undo.enter_context(_numpy(seed))
        undo.enter_context(_websocket_masks(seed))
        undo.callback(_put_in_force, None)
        _put_in_force(RandomStreams(seed))
        undo.enter_context(_patches().replaced())
        undo.enter_context(_unseeded_generators())
        random.seed(key("random", seed))
        yield


def _put_in_force(streams: RandomStreams | None) -> None:
    global _streams
    _streams = streams


def urandom(size: int, /) -> bytes:
    """os.urandom, from the caller's stream while a seed is in force."""
    return REAL_URANDOM(size) if _streams is None else _streams.draw(size, _caller())


def _caller() -> str:
    """The name of the module for which the bytes are drawn."""
    frame: Any = sys._getframe(2)
    while frame is not None:
        name = str(frame.f_globals.get("__name__"))
        if name not in GO_BETWEENS:
            return OWN_STREAM if name.startswith(OWN) else name
        frame = frame.f_back
    return ""


@cache
def _patches() -> Patches:
    return Patches({REAL_URANDOM: urandom})


@contextmanager
def _unseeded_generators() -> Iterator[None]:
    """`random.Random()` and `random.seed()` would ask the system, in C: they draw like the rest."""
    real_seed = random.Random.seed

    def seed_or_draw(self: random.Random, a: Any = None, version: int = 2) -> None:
        real_seed(self, int.from_bytes(urandom(32), "big") if a is None else a, version)

    hidden: random.Random = random.seed.__self__  # type: ignore[attr-defined]
    with ExitStack() as undo:
        undo.callback(setattr, random.Random, "seed", real_seed)
        undo.callback(setattr, random, "seed", random.seed)
        random.Random.seed = seed_or_draw  # type: ignore[method-assign]
        random.seed = hidden.seed
        yield


@contextmanager
def _numpy(seed: int) -> Iterator[None]:
    """numpy's global generator, if the program has it; default_rng() follows os.urandom."""
    if "numpy" not in sys.modules:
        yield
        return
    numpy_random: Any = import_module("numpy.random")  # numpy itself puts that off
    state = numpy_random.get_state()
    numpy_random.seed(key("numpy", seed) % 2**32)
    try:
        yield
    finally:
        numpy_random.set_state(state)


@contextmanager
def _websocket_masks(seed: int) -> Iterator[None]:
    """aiohttp masks frames by a generator made at import, kept as a default argument."""
    with ExitStack() as undo:
        for generator in _mask_generators():
            undo.callback(generator.setstate, generator.getstate())
            generator.seed(key("websocket masks", seed))
        yield


def _mask_generators() -> list[random.Random]:
    writer: Any = sys.modules.get("aiohttp._websocket.writer")
    if writer is None:
        return []
    init: Callable[..., None] = writer.WebSocketWriter.__init__
    defaults = (*(init.__defaults__ or ()), *(init.__kwdefaults__ or {}).values())
    return [value for value in defaults if isinstance(value, random.Random)]
